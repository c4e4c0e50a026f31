"""`virt-warden pki list`: what an authority has issued, and how each certificate stands."""

from __future__ import annotations

import sys

from virtwarden.cli import PASSED
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import add_authority, authority_of, columns


def run(words: list[str]) -> int:
    """Print the register."""
    chosen = options().parse_args(words)
    authority = authority_of(chosen)
    known = authority.register()
    if chosen.json:
        import msgspec  # noqa: PLC0415

        from virtwarden.pki.certifying import now  # noqa: PLC0415

        at = now()
        rows = [msgspec.to_builtins(entry) | {"state": entry.state(at)} for entry in known.entries]
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif known.entries:
        print("\n".join(columns(known.entries)))
    else:
        print("nothing was issued yet")
    if authority.list_is_stale(known):
        print(
            "virt-warden: the list of what was taken back is not up to date; run virt-warden pki crl",
            file=sys.stderr,
        )
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("pki list", "List what an authority has issued: valid, ended or revoked, the oldest first.")
    add_authority(made)
    made.add_argument("--json", action="store_true", help="all that is known, as JSON")
    return made
