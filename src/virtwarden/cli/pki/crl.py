"""`virt-warden pki crl`: the list of what was taken back, made anew."""

from __future__ import annotations

from virtwarden.cli import PASSED
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import add_days, add_signing, authority_of, path, signer_of


def run(words: list[str]) -> int:
    """Make the list."""
    chosen = options().parse_args(words)
    from virtwarden.pki import secretfiles  # noqa: PLC0415

    authority = authority_of(chosen)
    out = path(chosen.out) if chosen.out else None
    if out is not None:
        secretfiles.require_room(out.parent, {out.name: secretfiles.Content(b"", existing="replace")}, "replace")
    valid = signer_of(chosen, authority).new_list(chosen.days)
    known = authority.register()
    if out is not None:
        secretfiles.place_file(out, secretfiles.Content(authority.revocations(), existing="replace"))
    taken = sum(entry.revoked is not None for entry in known.entries)
    print(f"list {known.list_number}, {taken} taken back, valid until {valid.end:%F}: {out or authority.folder}")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("pki crl", "Make the list of what was taken back anew; hosts and clients read it as cacrl.pem.")
    add_signing(made)
    add_days(made, 365, "days until the next one is due")
    made.add_argument("--out", metavar="FILE", help="write it here too (default: in the authority's folder alone)")
    return made
