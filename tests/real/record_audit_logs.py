"""Writes the logs below tests/events/recorded anew: `python -m tests.real.record_audit_logs`, as root.

Each is what a real auditd wrote while deeds of `audit_deeds` were done by a real libvirtd and QEMU, with the runs
that were made beside it. What tells of the machine it was made on is left out: all records but those of guests,
anomalies and the daemon, the kernel's version, and that it was a test which told of the boot.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

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


def record(home: Path, form: LogFormat, deed: Callable[[Deeds], None]) -> None:
    """Do it, and write down the logs and what should be read out of them."""
    with (
        tempfile.TemporaryDirectory() as folder,
        kernel_audit(),
        Auditd(Path(folder), format=form) as auditd,
        Machine(Config(name="audithost", services=("virtlogd", "libvirtd"))) as machine,
    ):
        deeds = Deeds(machine, auditd)
        deeds.prepare()
        deed(deeds)
        auditd.settle()
        home.mkdir(parents=True, exist_ok=True)
        for log in auditd.logs():
            (home / log.name).write_text(redacted(log.read_text()))
        runs = [asdict(run) for run in deeds.runs]
        (home / "runs.json").write_text(json.dumps(runs, indent=1) + "\n")


if __name__ == "__main__":
    record(RECORDED / "raw", "RAW", Deeds.lives)
    record(RECORDED / "enriched", "ENRICHED", Deeds.lives)
    record(RECORDED / "devices", "ENRICHED", Deeds.every_device)
