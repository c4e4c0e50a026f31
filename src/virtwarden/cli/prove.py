"""`virt-warden prove`: finds out by experiment, on this host, whether a protection holds."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from virtwarden.cli import FAILED, PASSED, UNKNOWN, USAGE, UsageError
from virtwarden.cli.parsing import Parser, parser

if TYPE_CHECKING:
    from virtwarden.host import Host
    from virtwarden.model import Observation

_LIBVIRT = "qemu:///system"
_LOG = "/var/log/audit/audit.log"
_HELP = """usage: virt-warden prove PROOF [OPTIONS]

Finds out by experiment, on this host, whether a protection holds. What is done is harmless and undone.

proofs:
  audit  each audit rule is fired once, a throw-away guest is started, and their records are looked for

virt-warden prove PROOF --help tells of a proof's options."""


def run(words: list[str]) -> int:
    """Run the proof that is named; the exit code says how it came out."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(_HELP)
        return PASSED if words else USAGE
    if words[0] not in PROOFS:
        raise UsageError(f"there is no proof {words[0]}; virt-warden prove --help lists them")
    return PROOFS[words[0]](words[1:])


def audit(words: list[str]) -> int:
    """Prove that auditing works."""
    chosen = audit_options().parse_args(words)
    from virtwarden.host import Host  # noqa: PLC0415  # not needed for help
    from virtwarden.sources.local import Local  # noqa: PLC0415

    host = Host(Local())
    return _told("audit", host, tuple(_of_audit(host, chosen)), chosen)


def exit_code(observations: Sequence[Observation]) -> int:
    """1 where something does not hold, else 2 where something is unknown, else 0."""
    found = {each.holds for each in observations}
    if False in found:
        return FAILED
    return UNKNOWN if None in found else PASSED


def audit_options() -> Parser:
    """The options of the proof of auditing."""
    made = parser(
        "prove audit",
        "Fire each audit rule once, harmlessly, start a throw-away guest, and look for their records. "
        "Exit code: 0 all holds, 1 something does not, 2 something is unknown, 3 wrong usage.",
    )
    made.add_argument(
        "--key",
        nargs="+",
        action="extend",
        metavar="KEY",
        help="only rules with such a key, * for all that have one (default: virt_*)",
    )
    made.add_argument(
        "--guest",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="start a guest without a disk, which never runs, and destroy it (default: yes)",
    )
    made.add_argument(
        "--connect", metavar="URI", default=_LIBVIRT, help=f"libvirt's address (default: {_LIBVIRT})"
    )
    made.add_argument("--log", metavar="FILE", help="the audit log (default: as auditd.conf says)")
    made.add_argument("--json", action="store_true", help="as JSON")
    return made


def _of_audit(host: Host, chosen: argparse.Namespace) -> Iterator[Observation]:
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415
    from virtwarden.lab import Impossible  # noqa: PLC0415
    from virtwarden.labs.thishost import ThisHost  # noqa: PLC0415
    from virtwarden.prove import audit as proof  # noqa: PLC0415

    keys = tuple(chosen.key or proof.VIRTUALIZATION)
    lab = ThisHost(chosen.log or _log_of(host), chosen.connect)
    try:
        with lab.open(proof.rule_directories(host, keys)):
            try:
                yield from proof.prove_rules(host, lab, keys)
            except (Absent, Unknown) as refused:
                yield proof.untried(str(refused))
            if chosen.guest:
                yield from proof.prove_guest(host, lab)
    except Impossible as why:
        raise UsageError(str(why)) from None


def _log_of(host: Host) -> str:
    """Where auditd writes."""
    from virtwarden.facts.audit import AuditdConf  # noqa: PLC0415
    from virtwarden.formats import keyvalue  # noqa: PLC0415
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415

    try:
        found = keyvalue.last(host.get(AuditdConf).pairs, "log_file")
    except (Absent, Unknown):
        return _LOG
    return _LOG if found is None else found.value


def _told(proof: str, host: Host, seen: Sequence[Observation], chosen: argparse.Namespace) -> int:
    from virtwarden.cli.output import deliver  # noqa: PLC0415
    from virtwarden.facts.identity import Identity  # noqa: PLC0415
    from virtwarden.host import Unknown  # noqa: PLC0415
    from virtwarden.report import observations  # noqa: PLC0415
    from virtwarden.report.layout import style_for  # noqa: PLC0415

    if not chosen.json:
        deliver((observations.render(seen, style_for(sys.stdout)),), None)
        return exit_code(seen)
    try:
        name = host.get(Identity).name
    except Unknown:
        name = ""
    deliver((observations.as_json(proof, name, host.taken_at, seen),), None)
    return exit_code(seen)


PROOFS: dict[str, Callable[[list[str]], int]] = {"audit": audit}
