"""`virt-warden pki revoke`: take a certificate back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import add_signing, authority_of, columns, signer_of

if TYPE_CHECKING:
    from virtwarden.pki.register import Entry, Register

REASONS = (
    "unspecified", "key-compromise", "affiliation-changed", "superseded", "cessation", "privilege-withdrawn"
)  # fmt: skip


def run(words: list[str]) -> int:
    """Take it back, and make the list anew."""
    chosen = options().parse_args(words)
    authority = authority_of(chosen)
    entries = _found(authority.register(), chosen.which)
    if len(entries) > 1 and not chosen.all:
        print("\n".join(columns(entries)), file=sys.stderr)
        raise UsageError(f"{len(entries)} certificates go by {chosen.which}; name a serial, or give --all")
    open_ = [entry for entry in entries if entry.revoked is None]
    if not open_:
        taken = entries[0]
        print(f"{taken.name} ({taken.purpose.mark}, serial {taken.serial}) was taken back on {taken.revoked:%F}")
        return PASSED
    for entry in signer_of(chosen, authority).revoke([entry.serial for entry in open_], chosen.reason):
        print(f"{entry.name} ({entry.purpose.mark}, serial {entry.serial}) is taken back: {entry.reason}")
    print(f"take {authority.folder / 'cacrl.pem'} to every host and client now: until then they let it in")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("pki revoke", "Take a certificate back for good, and make the list of what was taken back anew.")
    made.add_argument("which", metavar="SERIAL|NAME|FILE", help="its serial, the name it was issued to, or itself")
    add_signing(made)
    made.add_argument("--reason", choices=REASONS, default="unspecified", help="why (default: unspecified)")
    made.add_argument("--all", action="store_true", help="all certificates of that name")
    return made


def _found(known: Register, which: str) -> tuple[Entry, ...]:
    from virtwarden.pki import renewal  # noqa: PLC0415

    if found := renewal.find(known, which) or tuple(e for e in known.entries if e.name == which):
        still = tuple(entry for entry in found if entry.revoked is None)
        return still or found[-1:]
    entry = known.found(_serial(which))
    if entry is None:
        raise UsageError(f"the certificate in {which} was not issued by this authority")
    return (entry,)


def _serial(file: str) -> str:
    from virtwarden.formats import Malformed, certificate  # noqa: PLC0415
    from virtwarden.pki import secretfiles  # noqa: PLC0415

    try:
        held = secretfiles.read(Path(file)) if file else b""
        return f"{certificate.certificate(held.decode('ascii', 'replace')).serial:x}"
    except FileNotFoundError:
        raise UsageError(f"{file} is no serial and no name that this authority issued, and no file") from None
    except Malformed:
        raise UsageError(f"{file} is not a certificate that can be read") from None
