"""What the commands on an authority have in common: which one, its passphrase, where things go, and what is told."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli.parsing import Parser
from virtwarden.cli.secret import add_secret, secret

if TYPE_CHECKING:
    from virtwarden.pki.authority import Authority, Signer
    from virtwarden.pki.orders import Issued
    from virtwarden.pki.register import Entry
    from virtwarden.pki.secretfiles import Existing


def add_authority(made: Parser) -> None:
    """Add the option that names the authority's folder."""
    made.add_argument("--authority", metavar="FOLDER", required=True, help="the authority's folder")


def add_signing(made: Parser) -> None:
    """Add the authority's folder and its passphrase."""
    add_authority(made)
    add_secret(made, "passphrase", "the authority's passphrase")


def add_out(made: Parser, what: str) -> None:
    """Add where to write, and what to do about files that are there already."""
    made.add_argument("--out", metavar="DIR", required=True, help=what)
    made.add_argument("--replace", action="store_true", help="write files anew that are there already")


def add_days(made: Parser, default: int, what: str) -> None:
    """Add for how long."""
    made.add_argument("--days", type=int, default=default, metavar="N", help=f"{what} (default: {default})")


def authority_of(chosen: argparse.Namespace) -> Authority:
    """The authority that is named. Raises `Complaint`."""
    from virtwarden.pki import authority  # noqa: PLC0415  # cryptography takes its time to load

    return authority.load(path(chosen.authority))


def signer_of(chosen: argparse.Namespace, authority: Authority) -> Signer:
    """The authority with its key open. Raises `Complaint`."""
    return authority.signer(secret(chosen, "passphrase", f"passphrase of the authority in {authority.folder}"))


def existing(chosen: argparse.Namespace) -> Existing:
    """What is done about files that are there."""
    return "replace" if chosen.replace else "refuse"


def path(text: str) -> Path:
    """A path as it was given, without a slash at its end. Raises `UsageError`."""
    from virtwarden.cli import UsageError  # noqa: PLC0415

    if not text or "\0" in text:
        raise UsageError(f"{text!r} is no path")
    try:
        return Path(text).absolute()
    except FileNotFoundError:
        raise UsageError("the folder that this runs in is not there any more; change to another one") from None


def told(issued: Issued, place: str | Path) -> Iterator[str]:
    """What is said of a certificate that was issued."""
    entry = issued.entry
    yield f"{entry.name} as {entry.purpose.mark}, until {entry.end:%F}: {place}"
    yield f"  serial {entry.serial}, key {entry.key}"
    if entry.names:
        yield f"  names {', '.join(entry.names)}"
    if entry.role != "server":
        yield f"  subject {entry.subject}"


def columns(entries: Iterable[Entry]) -> Iterator[str]:
    """A table of entries, the oldest first."""
    from virtwarden.pki.certifying import now  # noqa: PLC0415

    at = now()
    rows = [
        ("SERIAL", "STATE", "PURPOSE", "UNTIL", "NAME"),
        *(
            (entry.serial[:16], entry.state(at), entry.purpose.mark, f"{entry.end:%F}", entry.name)
            for entry in entries
        ),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        yield "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[4])).rstrip()
