"""`virt-warden pki issue`: a certificate and its key, for a server, a client, or both in one."""

from __future__ import annotations

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

if TYPE_CHECKING:
    from cryptography import x509

    from virtwarden.pki.authority import Authority
    from virtwarden.pki.roles import Purpose

LEAF_KEYS = ("rsa3072", "p256", "p384")


def run(words: list[str]) -> int:
    """Issue a certificate for each use, each with a key of its own."""
    chosen = options().parse_intermixed_args(words)  # names may follow options
    from virtwarden.pki import delivery, keys, roles, secretfiles  # noqa: PLC0415
    from virtwarden.pki.certifying import Wish  # noqa: PLC0415
    from virtwarden.pki.orders import Order  # noqa: PLC0415

    authority, out = authority_of(chosen), path(chosen.out)
    flat = chosen.uses is None
    wanted = roles.purposes(chosen.role, chosen.uses)
    named = named_by(chosen.role, chosen.names)
    folders = [(delivery.folder_of(purpose, flat=flat), purpose.files) for purpose in wanted]
    delivery.require_room(out, folders, authority, existing(chosen))
    subjects = [subject_of(purpose, named, chosen.subject, authority) for purpose in wanted]
    signer = signer_of(chosen, authority)
    held = [(purpose, keys.new_key(chosen.key)) for purpose in wanted]
    issued = signer.issue(
        [
            Order(Wish(subject, purpose.role, key.public_key(), general, chosen.days), purpose)
            for (purpose, key), (subject, general) in zip(held, subjects, strict=True)
        ]
    )
    credentials = [
        (
            delivery.folder_of(purpose, flat=flat),
            delivery.Credential(purpose, each.pem, key),
        )
        for (purpose, key), each in zip(held, issued, strict=True)
    ]
    secretfiles.place(out, delivery.tree(credentials, authority), existing(chosen))
    for (folder, _), each in zip(credentials, issued, strict=True):
        print("\n".join(told(each, out / folder)))
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "pki issue",
        "Issue a certificate with a new key: DIR/{cacert,cacrl,servercert,serverkey,clientcert,clientkey}.pem, which "
        "libvirt takes as ?pkipath=DIR, or the same in DIR/USE for each use that is named.",
    )
    made.add_argument(
        "role", choices=("server", "client", "peer"), help="for a host, one who connects, or both in one"
    )
    made.add_argument("names", nargs="*", metavar="NAME", help=NAMES_HELP)
    add_signing(made)
    add_out(made, "the folder to write")
    made.add_argument("--uses", metavar="USE,…", help=USES_HELP)
    made.add_argument(
        "--subject", metavar="C=..,O=..,OU=..", help="pieces of the subject (default: the authority's O)"
    )
    made.add_argument("--key", choices=LEAF_KEYS, default="rsa3072", help="kind of key (default: rsa3072)")
    add_days(made, 397, "days until it ends, at most to the authority's own end")
    return made


NAMES_HELP = (
    "all names and addresses under which the host is dialled (default: this host's own), or the client's one name"
)
USES_HELP = (
    "a key and certificate of its own, in a folder of its own, for each of libvirt, vnc, spice, migrate, chardev, nbd, "
    "backup, qemu, rdp; all: the first seven (default: libvirt, without a folder)"
)


def named_by(role: str, given: list[str]) -> list[str]:
    """The names to certify: those that are given, or this host's own. Raises `UsageError`."""
    if role == "client":
        if len(given) != 1:
            raise UsageError("a client has one name")
        return given
    if given:
        return given
    from virtwarden.pki.localnames import local_names  # noqa: PLC0415

    found = [*local_names()]
    if not found:
        raise UsageError("this host has no name or address that others could dial; name them")
    return found


def subject_of(
    purpose: Purpose, given: list[str], pieces: str | None, authority: Authority
) -> tuple[x509.Name, x509.SubjectAlternativeName | None]:
    """The subject, and the names that are dialled; a client has none of these. Raises `Complaint`."""
    from virtwarden.pki import names  # noqa: PLC0415

    asked = names.pieces(pieces)
    if purpose.role == "client":
        return names.subject(names.person(given[0]), purpose, asked, authority.organisation), None
    dialled = names.names(given)
    return names.subject(dialled.common, purpose, asked, authority.organisation), dialled.general
