"""`virt-warden prove audit`: each audit rule is fired once, a throw-away guest is started, their records looked for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from virtwarden.cli import UsageError
from virtwarden.cli.parsing import Parser, parser

if TYPE_CHECKING:
    from virtwarden.host import Host
    from virtwarden.model import Observation

_LIBVIRT = "qemu:///system"
_LOG = "/var/log/audit/audit.log"


def run(words: list[str]) -> int:
    """Prove that auditing works."""
    chosen = options().parse_args(words)
    from virtwarden.cli.prove.telling import told  # noqa: PLC0415  # not needed for help
    from virtwarden.host import Host  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415

    host = Host(Local())
    return told("audit", host, tuple(_of_audit(host, chosen)), as_json=chosen.json)


def options() -> Parser:
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
