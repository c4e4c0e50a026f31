"""Writes the logs below tests/events/recorded anew: `python -m tests.real.record_audit_logs`, as root.

Each is what a real auditd wrote while `Deeds.all` was done by a real libvirtd and QEMU, with the runs that were made
beside it. What tells of the machine it was made on is left out: all records but those of guests, anomalies and the
daemon, the kernel's version, and that it was a test which told of the boot.
"""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from tests.real.audit_deeds import Deeds
from tests.real.auditd import Auditd, LogFormat, kernel_audit
from tests.real.machine import Config, Machine

RECORDED = Path(__file__).parents[1] / "events/recorded"
_KEPT = re.compile(r"type=(?:VIRT_|ANOM_|DAEMON_|SYSTEM_)")
_OURS = {
    re.compile(r"(?<= kernel=)\S+"): "6.1.0",
    re.compile(r'(?<=comm="systemd-update-utmp" exe=")[^"]+'): "/lib/systemd/systemd-update-utmp",
}


def redacted(log: str) -> str:
    """A log without what belongs to the machine it was written on."""
    kept = [line for line in log.split("\n") if _KEPT.match(line)]
    text = "".join(f"{line}\n" for line in kept)
    for ours, usual in _OURS.items():
        text = ours.sub(usual, text)
    return text


def record(format: LogFormat) -> None:  # noqa: A002  # auditd's own word
    """Do all the deeds, and write down the logs and what should be read out of them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        kernel_audit(),
        Auditd(Path(folder), format=format) as auditd,
        Machine(Config(name="audithost", services=("virtlogd", "libvirtd"))) as machine,
    ):
        deeds = Deeds(machine, auditd)
        deeds.prepare()
        deeds.all()
        auditd.settle()
        home = RECORDED / format.lower()
        home.mkdir(parents=True, exist_ok=True)
        for log in auditd.logs():
            (home / log.name).write_text(redacted(log.read_text()))
        runs = [asdict(run) for run in deeds.runs]
        (home / "runs.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    for each in get_args(LogFormat):
        record(each)
