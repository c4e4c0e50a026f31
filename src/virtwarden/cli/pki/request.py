"""`virt-warden pki request`: a key that stays where it is made, and a request to be signed elsewhere."""

from __future__ import annotations

from virtwarden.cli import PASSED
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import add_out, existing, path
from virtwarden.cli.pki.issue import LEAF_KEYS, NAMES_HELP, USES_HELP, named_by


def run(words: list[str]) -> int:
    """Make keys and requests."""
    chosen = options().parse_intermixed_args(words)  # names may follow options
    from virtwarden.pki import delivery, keys, names, requests, roles, secretfiles  # noqa: PLC0415

    out, flat = path(chosen.out), chosen.uses is None
    secretfiles.require_no_authority(out)
    given = named_by(chosen.role, chosen.names)
    dialled = None if chosen.role == "client" else names.names(given)
    common = names.person(given[0]) if dialled is None else dialled.common
    held = []
    for purpose in roles.purposes(chosen.role, chosen.uses):
        key = keys.new_key(chosen.key)
        general = None if dialled is None else dialled.general
        asked = requests.request(key, names.bare_subject(common), general)
        held.append((delivery.folder_of(purpose, flat=flat), delivery.Credential(purpose, key=key, request=asked)))
    secretfiles.place(out, delivery.tree(held), existing(chosen))
    for folder, credential in held:
        print(f"{common} as {credential.purpose.mark}: have {out / folder / delivery.REQUEST} signed")
    if dialled is not None:
        print(f"  names {', '.join(dialled.written)}")
    print("the keys stay here; take the requests alone to the authority: virt-warden pki sign")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("pki request", "Make a key, which stays here, and a request that an authority elsewhere signs.")
    made.add_argument(
        "role", choices=("server", "client", "peer"), help="for a host, one who connects, or both in one"
    )
    made.add_argument("names", nargs="*", metavar="NAME", help=NAMES_HELP)
    add_out(made, "the folder to write: the key and request.pem")
    made.add_argument("--uses", metavar="USE,…", help=USES_HELP)
    made.add_argument("--key", choices=LEAF_KEYS, default="rsa3072", help="kind of key (default: rsa3072)")
    return made
