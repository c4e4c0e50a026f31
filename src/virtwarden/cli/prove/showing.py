"""Options that say what probes show: the certificates of our own client, of the server and of strangers."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli import UsageError
from virtwarden.cli.parsing import Parser
from virtwarden.cli.secret import add_secret, secret

if TYPE_CHECKING:
    from virtwarden.labs.probes.papers import Papers, Wallet
    from virtwarden.pki.authority import Signer

_AUTHORITIES = ("cacert.pem", "ca-cert.pem")
_BESIDE = ("/etc/pki/CA/cacert.pem",)
_LONGEST_WAIT = 600.0
_WHO = {"unlisted": "is not listed", "expired": "has expired", "revoked": "was revoked"}


def add_shown(made: Parser, defaults: Iterable[str], strangers: Iterable[str]) -> None:
    """Options for the certificates: ours, with the folders in which it is looked for, and those of these strangers."""
    group = made.add_argument_group("what is shown")
    places = ", then ".join(defaults)
    group.add_argument(
        "--pkipath",
        metavar="DIR",
        help=f"our client's cacert.pem, clientcert.pem, clientkey.pem (default: {places})",
    )
    for name in strangers:
        group.add_argument(
            f"--{name}", metavar="DIR", help=f"the same of a client of our authority that {_WHO[name]}"
        )
    group.add_argument(
        "--authority", metavar="FOLDER", help="our authority, to make such certificates for minutes"
    )
    add_secret(made, "passphrase", "the passphrase of the authority's key")
    made.add_argument(
        "--timeout", type=_seconds, default=5.0, metavar="SECONDS", help="for one conversation (default: 5)"
    )
    made.add_argument("--json", action="store_true", help="as JSON")


def wallet_of(
    chosen: argparse.Namespace, defaults: Iterable[str], strangers: Iterable[str], server: Papers | None
) -> tuple[Wallet, str]:
    """What can be shown, and the file of the authorities that our client trusts, empty where there is none."""
    from virtwarden.lab import Bearer, Impossible  # noqa: PLC0415  # not needed for help
    from virtwarden.labs.probes.papers import Wallet, found_in  # noqa: PLC0415

    given: dict[Bearer, Papers] = {}
    folder = chosen.pkipath or _first(map(os.path.expanduser, defaults))
    named = {Bearer.OURS: folder, **{Bearer[name.upper()]: vars(chosen)[name] for name in strangers}}
    try:
        given.update((bearer, found_in(path)) for bearer, path in named.items() if path is not None)
    except Impossible as why:
        raise UsageError(str(why)) from None
    if server is not None:
        given[Bearer.SERVER] = server
    wallet = Wallet(given)
    if chosen.authority is not None:
        wallet.issue_by(_signer(chosen), [Bearer[name.upper()] for name in strangers])
    return wallet, _authority_in(folder) if folder is not None else ""


def _signer(chosen: argparse.Namespace) -> Signer:
    from virtwarden.pki import authority  # noqa: PLC0415

    return authority.load(Path(chosen.authority)).signer(
        secret(chosen, "passphrase", "Passphrase of the authority")
    )


def _first(folders: Iterable[str]) -> str | None:
    """The first folder with a client's certificate and key."""
    from virtwarden.lab import Impossible  # noqa: PLC0415
    from virtwarden.labs.probes.papers import found_in  # noqa: PLC0415

    for folder in folders:
        with suppress(Impossible):
            found_in(folder)
            return folder
    return None


def present(certificate: str, key: str) -> Papers | None:
    """A certificate and its key, if both are on this machine and may be seen."""
    from virtwarden.labs.probes.papers import Papers  # noqa: PLC0415

    return Papers(certificate, key) if os.path.exists(certificate) and os.path.exists(key) else None


def _authority_in(folder: str) -> str:
    places = [*(f"{folder.rstrip('/')}/{name}" for name in _AUTHORITIES), *_BESIDE]
    return next((each for each in places if os.path.isfile(each)), "")


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to {_LONGEST_WAIT:g}")
    return found
