"""`virt-warden pki renew`: issue anew what ends soon; the old stays valid meanwhile."""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import (
    add_days,
    add_out,
    add_signing,
    authority_of,
    existing,
    path,
    signer_of,
    told,
)
from virtwarden.cli.pki.issue import LEAF_KEYS

if TYPE_CHECKING:
    from virtwarden.pki.authority import Authority
    from virtwarden.pki.delivery import Credential
    from virtwarden.pki.orders import Issued
    from virtwarden.pki.register import Entry
    from virtwarden.pki.renewal import Keep

_LONGEST_DAYS = 36500


def run(words: list[str]) -> int:
    """Issue again, with the same names for the same purposes."""
    chosen = options().parse_intermixed_args(words)  # names may follow options
    from virtwarden.pki import delivery, renewal, secretfiles  # noqa: PLC0415

    authority, out = authority_of(chosen), path(chosen.out)
    if not 0 <= chosen.before <= _LONGEST_DAYS:
        raise UsageError(f"--before {chosen.before} is not between 0 and {_LONGEST_DAYS} days")
    entries = renewal.chosen(authority.register(), chosen.which, timedelta(days=chosen.before))
    if not chosen.which and not chosen.same_key:
        entries = _without_keys_elsewhere(entries)
    if not entries:
        print(f"nothing that is to be renewed here ends within {chosen.before} days")
        return PASSED
    made = _renewed(entries, chosen, authority, out)
    secretfiles.place(out, delivery.tree([each[:2] for each in made], authority), existing(chosen))
    for folder, _, new in made:
        print("\n".join(told(new, out / folder)))
    print("the old ones stay valid: put the new ones in place, then revoke what must not be used any more")
    return PASSED


def _renewed(
    entries: tuple[Entry, ...], chosen: argparse.Namespace, authority: Authority, out: Path
) -> list[tuple[str, Credential, Issued]]:
    """What was issued in place of each entry, with the folder that it goes to. Raises `Complaint`."""
    from virtwarden.pki import delivery, renewal  # noqa: PLC0415

    folders = _folders(entries, chosen.which)
    keep: Keep = "same" if chosen.same_key else "new"
    parts = [(folders[each.serial], _parts(each, keep)) for each in entries]
    renewal.require_renewable(entries, keep)
    delivery.require_room(out, parts, authority, existing(chosen))
    signer = signer_of(chosen, authority)
    wanted = [renewal.renewal(authority, each, chosen.days, keep, chosen.key) for each in entries]
    issued = signer.issue([each.order for each in wanted])
    return [
        (folders[old.serial], delivery.Credential(old.purpose, new.pem, each.key), new)
        for old, each, new in zip(entries, wanted, issued, strict=True)
    ]


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "pki renew",
        "Issue certificates anew with the same subject, names and purpose, and a new key: to DIR/USE, or to "
        "DIR/NAME/USE where more than one name is renewed.",
    )
    made.add_argument("which", nargs="*", metavar="SERIAL|NAME", help="which (default: all that end soon)")
    add_signing(made)
    add_out(made, "the folder to write")
    made.add_argument("--before", type=int, default=30, metavar="DAYS", help="what soon is (default: 30)")
    made.add_argument(
        "--same-key", action="store_true", help="certify the same key again, which stays where it is"
    )
    made.add_argument("--key", choices=LEAF_KEYS, help="kind of the new key (default: that of the old one)")
    add_days(made, 397, "days until they end, at most to the authority's own end")
    return made


def _without_keys_elsewhere(entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    for entry in entries:
        if entry.key_made == "request":
            print(
                f"virt-warden: left out {entry.name} as {entry.purpose.mark}, ends {entry.end:%F}: its key is on its "
                "host, so sign a new request, or give --same-key",
                file=sys.stderr,
            )
    return tuple(entry for entry in entries if entry.key_made == "here")


def _folders(entries: tuple[Entry, ...], which: list[str]) -> dict[str, str]:
    """Where each renewed certificate goes, by the old one's serial. Raises `UsageError` where two would meet."""
    many = not which or len({entry.name for entry in entries}) > 1
    found: dict[str, str] = {}
    for entry in entries:
        folder = f"{_as_folder(entry.name)}/{entry.use}/" if many else f"{entry.use}/"
        taken = [other for other in entries if found.get(other.serial) == folder]
        if any(set(other.purpose.certificates) & set(entry.purpose.certificates) for other in taken):
            raise UsageError(f"more than one certificate of {entry.name} is {entry.purpose.mark}; name a serial")
        found[entry.serial] = folder
    return found


def _as_folder(name: str) -> str:
    """A name as one step of a path."""
    return name.replace("/", "_").lstrip(".") or "_"


def _parts(entry: Entry, keep: Keep) -> tuple[str, ...]:
    return entry.purpose.certificates if keep == "same" else entry.purpose.files
