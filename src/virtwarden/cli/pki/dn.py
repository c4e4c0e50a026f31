"""`virt-warden pki dn`: a certificate's subject as libvirt compares it."""

from __future__ import annotations

from virtwarden.cli import FAILED, PASSED
from virtwarden.cli.parsing import Parser, parser
from virtwarden.report.visible import visible


def run(words: list[str]) -> int:
    """Print the subject of each file's own certificate, the first in it."""
    chosen = options().parse_intermixed_args(words)  # files may follow options
    from virtwarden.cli.pki.certificates import certificates_in  # noqa: PLC0415

    code = PASSED
    for path in chosen.files:
        found = certificates_in(path)
        for certificate in found if chosen.all else found[:1]:
            lead = f"{visible(path)}: " if len(chosen.files) > 1 else ""
            print(f"{lead}{visible(certificate.subject) or '(an empty subject, which libvirt refuses)'}")
            code = code if certificate.subject else FAILED
    return code


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "pki dn",
        "A certificate's subject as libvirt compares it with tls_allowed_dn_list: the attributes in the order in which "
        "the certificate has them. What cannot be shown is spelt out, as in \\x1b. Exit code: 0, 1 where a subject is "
        "empty, 3 wrong usage or no certificate.",
    )
    made.add_argument("files", nargs="+", metavar="FILE", help="certificates in PEM; - is standard input")
    made.add_argument("--all", action="store_true", help="all certificates of a file, not only the first")
    return made
