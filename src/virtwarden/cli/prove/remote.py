"""`virt-warden prove remote`: strangers of every kind try libvirt, and so does our own client."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from virtwarden.cli import UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.prove.showing import add_shown, present, wallet_of
from virtwarden.cli.secret import add_secret, secret

if TYPE_CHECKING:
    from virtwarden.host import Host
    from virtwarden.lab import Person
    from virtwarden.labs.probes.libvirt import Account
    from virtwarden.labs.probes.papers import Papers

DEFAULTS = ("~/.pki/libvirt", "/etc/pki/libvirt")
STRANGERS = ("unlisted", "expired", "revoked")
_SERVER = ("/etc/pki/libvirt/servercert.pem", "/etc/pki/libvirt/private/serverkey.pem")
_LAST_PORT = 65535


def run(words: list[str]) -> int:
    """Prove that libvirt lets in whom it should, and nobody else."""
    chosen = options().parse_args(words)
    from virtwarden.cli.prove.telling import told  # noqa: PLC0415  # not needed for help
    from virtwarden.host import Host  # noqa: PLC0415
    from virtwarden.labs.probes.network import Network  # noqa: PLC0415
    from virtwarden.prove import remote as proof  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415

    host = Host(Local())
    wallet, authority = wallet_of(chosen, DEFAULTS, STRANGERS, None if chosen.host else _servers_own(host))
    with wallet:
        prober = Network(wallet, _accounts(chosen), authority, chosen.timeout)
        if chosen.host:
            seen = tuple(proof.prove_from_outside(prober, chosen.host, chosen.port or ()))
        else:
            seen = tuple(proof.prove_remote(host, prober, chosen.port or ()))
    return told("remote", host, seen, as_json=chosen.json, name=chosen.host or "")


def options() -> Parser:
    """The options of the proof of remote management."""
    made = parser(
        "prove remote",
        "Try libvirt's TLS, plain TCP and UNIX sockets as strangers of every kind and as our own client: who has a "
        "right to it has to be let in, and nobody else. Sessions are read-only and closed at once. "
        "Exit code: 0 all holds, 1 something does not, 2 something is unknown, 3 wrong usage.",
    )
    made.add_argument(
        "host", nargs="?", metavar="HOST", help="another machine, as it is dialled (default: this one)"
    )
    made.add_argument(
        "--port",
        type=_port,
        action="append",
        metavar="N",
        help="libvirt's TLS port (default: those that are known)",
    )
    add_shown(made, DEFAULTS, STRANGERS)
    users = made.add_argument_group("who logs in where that is asked for")
    users.add_argument("--user", metavar="NAME", help="a user who may log in")
    add_secret(made, "password", "this user's password")
    users.add_argument("--unlisted-user", metavar="NAME", help="a user with a password who is not listed")
    add_secret(made, "unlisted-password", "that user's password")
    return made


def _accounts(chosen: argparse.Namespace) -> dict[Person, Account]:
    from virtwarden.lab import Person  # noqa: PLC0415
    from virtwarden.labs.probes.libvirt import Account  # noqa: PLC0415

    found: dict[Person, Account] = {}
    given = vars(chosen)
    for person, user, name in (
        (Person.OURS, chosen.user, "password"),
        (Person.UNLISTED, chosen.unlisted_user, "unlisted-password"),
    ):
        if user is not None:
            found[person] = Account(user, secret(chosen, name, f"Password of {user}"))
        elif any(given.get(f"{name}_{how}".replace("-", "_")) is not None for how in ("fd", "file")):
            raise UsageError(f"a {name} is given, but nobody whose it is")
    return found


def _servers_own(host: Host) -> Papers | None:
    """The server's certificate and key as the daemon's conf file names them, else where libvirt looks for them."""
    from virtwarden.facts.remote import Remote  # noqa: PLC0415
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415

    try:
        confs = [each.conf for each in host.get(Remote).daemons]
    except (Absent, Unknown):
        confs = []
    named = [(conf.cert_file, conf.key_file) for conf in confs if conf.cert_file and conf.key_file]
    return present(*(named[0] if named else _SERVER))


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) <= 5 else 0
    if not 0 < number <= _LAST_PORT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return number
