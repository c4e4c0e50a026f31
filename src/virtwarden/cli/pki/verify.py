"""`virt-warden pki verify`: what is wrong with certificates, keys and their places."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.pki.verify.faults import Fault, Weight

if TYPE_CHECKING:
    from virtwarden.facts.pki import PkiFile
    from virtwarden.report.pkifaults import Looked


def run(words: list[str]) -> int:
    """Judge what is named, or the whole host. Exit code: 0 sound, 1 faults, 2 something cannot be told."""
    chosen = options().parse_intermixed_args(words)  # files may follow options
    if not chosen.files and (chosen.end or chosen.authority):
        raise UsageError("--as and --authority go with files or folders; name some")
    from virtwarden.cli.pki.hostfiles import whole_host  # noqa: PLC0415
    from virtwarden.cli.pki.namedfiles import named  # noqa: PLC0415
    from virtwarden.pki.verify.sets import Asked, verify  # noqa: PLC0415
    from virtwarden.pki.verify.single import Roles  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415
    from virtwarden.sources.redact import Redacted  # noqa: PLC0415

    source = Redacted(Local())
    found = (named if chosen.files else whole_host)(source, chosen)
    asked = Asked(
        source.taken_at, found.limits, tuple(chosen.dial),
        found.qemu_users, found.qemu_groups, found.together, found.keys,
        Roles.BOTH if chosen.end == "peer" else Roles.ONE,
    )  # fmt: skip
    faults = [*found.faults, *verify(found.files, asked)]
    _tell([_about(file) for file in found.files], list(dict.fromkeys(faults)), chosen)
    return _code(faults)


def _tell(looked: Sequence[Looked], faults: Sequence[Fault], chosen: argparse.Namespace) -> None:
    from virtwarden.report import pkifaults  # noqa: PLC0415
    from virtwarden.report.layout import style_for  # noqa: PLC0415

    told = (
        pkifaults.as_json(looked, faults)
        if chosen.json
        else pkifaults.render(looked, faults, style_for(sys.stdout))
    )
    sys.stdout.write(told)


def _code(faults: Sequence[Fault]) -> int:
    weights = {fault.weight for fault in faults}
    if weights & {Weight.REFUSED, Weight.UNSAFE}:
        return FAILED
    return UNKNOWN if weights else PASSED


def _about(file: PkiFile) -> Looked:
    from virtwarden.report.pkifaults import Looked  # noqa: PLC0415

    told = [f"{each.subject}, valid until {each.not_after:%Y-%m-%d}" for _, each in file.certificates[:1]]
    told += [f"and {len(file.certificates) - 1} more"] if len(file.certificates) > 1 else []
    told += [f"list of {each.issuer}" for each in file.revocations[:1]]
    told += [_about_key(each.kind, each.bits, encrypted=each.encrypted) for each in file.keys[:1]]
    return Looked(file.path, "; ".join(told))


def _about_key(kind: str, bits: int | None, *, encrypted: bool) -> str:
    if encrypted:
        return "an encrypted private key"
    return (
        "a private key that cannot be opened" if bits is None else f"a private key, {kind.upper()} of {bits} bits"
    )


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "pki verify",
        "What is wrong with certificates, keys, revocation lists and their places: what libvirt and GnuTLS refuse, and "
        "what they take and should not. Without files, all of libvirt's and QEMU's places on this host. Exit code: 0 "
        "sound, 1 faults, 2 something cannot be told, 3 wrong usage.",
    )
    made.add_argument("files", nargs="*", metavar="FILE", help="files in PEM, or folders that hold them")
    made.add_argument(
        "--dial",
        action="append",
        default=[],
        metavar="NAME",
        help="a name or address by which clients dial the servers",
    )
    made.add_argument(
        "--as",
        dest="end",
        choices=("server", "client", "peer"),
        help="judge the certificates as these; a peer is both",
    )
    made.add_argument("--authority", action="append", metavar="FILE", help="the authorities that are trusted")
    made.add_argument(
        "--libvirt", metavar="VERSION", help="the oldest libvirt that reads the files (this host's, or any)"
    )
    made.add_argument("--json", action="store_true", help="as JSON")
    from virtwarden.cli.options import add_policy  # noqa: PLC0415

    add_policy(made)
    return made
