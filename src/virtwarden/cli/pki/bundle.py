"""`virt-warden pki bundle`: all that a client's programs need, laid out as they read it."""

from __future__ import annotations

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import existing, path


def run(words: list[str]) -> int:
    """Write the folder or the archive."""
    chosen = options().parse_args(words)
    if (chosen.out is None) is (chosen.tar is None):
        raise UsageError("name either --out DIR or --tar FILE")
    from virtwarden.pki import bundle, secretfiles  # noqa: PLC0415

    secretfiles.require_no_authority(path(chosen.out if chosen.tar is None else chosen.tar))
    files = bundle.bundle(*bundle.read(path(chosen.certificates)), chosen.program)
    if chosen.tar is not None:
        secretfiles.place_file(path(chosen.tar), bundle.archive(files), existing(chosen))
        print(
            f"for {chosen.program}: {chosen.tar}; it holds a private key. Its owner unpacks it in his home folder:"
        )
        print(f"  tar -C ~ -xpf {chosen.tar}")
    else:
        secretfiles.place(path(chosen.out), files, existing(chosen))
        print(f"for {chosen.program}: {chosen.out}; what is in it belongs into ~/.pki, see {bundle.README} there")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("pki bundle", "Lay out a client's certificate, key and authority as its programs read them.")
    made.add_argument("certificates", metavar="CERTDIR", help="what virt-warden pki issue client wrote")
    made.add_argument(
        "--for", dest="program", choices=("virsh", "virt-viewer", "virt-manager"), default="virt-manager",
        help="for which program (default: virt-manager, which needs all)",
    )  # fmt: skip
    made.add_argument("--out", metavar="DIR", help="write the tree of ~/.pki here")
    made.add_argument("--tar", metavar="FILE", help="or an archive to be unpacked in a home folder")
    made.add_argument("--replace", action="store_true", help="write files anew that are there already")
    return made
