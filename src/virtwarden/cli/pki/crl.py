"""`virt-warden pki crl`: the list of what was taken back, made anew."""

from __future__ import annotations

from pathlib import Path

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import add_days, add_signing, authority_of, path, signer_of


def run(words: list[str]) -> int:
    """Make the list."""
    chosen = options().parse_args(words)
    from virtwarden.pki import secretfiles  # noqa: PLC0415

    authority = authority_of(chosen)
    out = None if chosen.out is None else path(chosen.out)
    if out is not None:
        secretfiles.require_room(out.parent, {out.name: secretfiles.Content(b"", existing="replace")}, "replace")
        require_list(out)
    valid = signer_of(chosen, authority).new_list(chosen.days)
    known = authority.register()
    if out is not None:
        secretfiles.place_file(out, secretfiles.Content(authority.revocations(), existing="replace"))
    taken = sum(entry.revoked is not None for entry in known.entries)
    print(f"list {known.list_number}, {taken} taken back, valid until {valid.end:%F}: {out or authority.folder}")
    return PASSED


def require_list(out: Path) -> None:
    """Raises `UsageError` where the file is there and holds something else, such as a key."""
    from virtwarden.pki import secretfiles  # noqa: PLC0415

    try:
        held = secretfiles.read(out)
    except FileNotFoundError:
        return
    if held and b"-----BEGIN X509 CRL-----" not in held:
        raise UsageError(f"{out} holds something else than a list of what was taken back; name another file")


def options() -> Parser:
    """The options of this command."""
    made = parser("pki crl", "Make the list of what was taken back anew; hosts and clients read it as cacrl.pem.")
    add_signing(made)
    add_days(made, 365, "days until the next one is due")
    made.add_argument("--out", metavar="FILE", help="write it here too (default: in the authority's folder alone)")
    return made
