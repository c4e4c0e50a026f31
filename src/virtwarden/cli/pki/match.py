"""`virt-warden pki match`: whether a pattern of the list of clients lets a certificate in."""

from __future__ import annotations

import argparse
import sys

from virtwarden.cli import FAILED, PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.pki.subjects import Rules, matches, remarks
from virtwarden.report.layout import Charset, style_for
from virtwarden.report.visible import visible

_OTHER = {Rules.NEW: Rules.OLD, Rules.OLD: Rules.NEW}
_AGE = {Rules.NEW: "by today's rules", Rules.OLD: "by the rules of old libvirt (fnmatch)"}


def run(words: list[str]) -> int:
    """Say of each subject whether a pattern lets it in, and what else the patterns let in."""
    chosen = options().parse_intermixed_args(words)  # files may follow options
    rules = Rules(chosen.rules)
    patterns = [chosen.pattern, *(chosen.also or [])]
    signs = "✓✗!" if style_for(sys.stdout).charset is Charset.UNICODE else "+x!"
    code = PASSED
    for lead, subject in _subjects(chosen):
        let_in = [pattern for pattern in patterns if matches(pattern, subject, rules)]
        verdict = f"let in by {visible(let_in[0])}" if let_in else "not let in"
        print(f"{signs[0 if let_in else 1]} {lead}{visible(subject) or '(an empty subject)'}: {verdict}")
        if bool(let_in) != any(matches(pattern, subject, _OTHER[rules]) for pattern in patterns):
            print(f"  {_AGE[_OTHER[rules]]} it is {'not ' if let_in else ''}let in")
        code = code if let_in else FAILED
    for pattern in patterns:
        for remark in remarks(pattern, rules):
            print(f"{signs[2]} {visible(pattern)}: {visible(remark)}")
    return code


def _subjects(chosen: argparse.Namespace) -> list[tuple[str, str]]:
    if not chosen.files and not chosen.subject:
        raise UsageError("there is nothing to match; name files with certificates, or subjects with --subject")
    found = [("", subject) for subject in chosen.subject or []]
    if chosen.files:
        from virtwarden.cli.pki.certificates import certificates_in  # noqa: PLC0415

        found += [(f"{visible(path)}: ", certificates_in(path)[0].subject) for path in chosen.files]
    return found


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "pki match",
        "Whether a pattern of tls_allowed_dn_list lets a certificate in, as libvirt decides: * is any text, commas "
        "included, and ? one character. Exit code: 0 all are let in, 1 one is not, 3 wrong usage.",
    )
    made.add_argument("pattern", metavar="PATTERN", help="as it stands in tls_allowed_dn_list")
    made.add_argument("files", nargs="*", metavar="FILE", help="certificates in PEM; - is standard input")
    made.add_argument("--also", action="append", metavar="PATTERN", help="a further pattern; may be given again")
    made.add_argument(
        "--subject", action="append", metavar="DN", help="a subject as pki dn prints it, in place of a file"
    )
    made.add_argument(
        "--rules",
        choices=[each.value for each in Rules],
        default="new",
        help="old: fnmatch, as on RHEL 6 (default: new)",
    )
    return made
