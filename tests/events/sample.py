"""Makes the audit log that ships as an example: three days of a small host, with all that a how-to needs to show.

`python -m tests.events.sample` writes it anew.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from tests.events.made import Guest, Made

SHIPPED = Path(str(files("virtwarden.demo") / "audit.log"))
MONDAY = 1_794_816_000
"""2026-11-16, 08:00:00 UTC."""
_HOUR = 3600
_ALICE, _BOB = 1000, 1001
_IMAGES = "/var/lib/libvirt/images"
DB = Guest("db01", uuid="3f0c1a5e-7c1d-4b86-9a53-0d6f8f1f2a01", pid=2214, level="s0:c121,c804", mem=4_194_304)
WEB = Guest("web01", uuid="8a4be0c7-52f4-4d0e-8a1c-6f2f6f9d7b02", pid=2391, level="s0:c33,c512", mem=2_097_152)


def sample() -> Made:
    """The log."""
    log = Made(enriched=True, start=MONDAY)
    log.boot()
    log.noise(6)
    _monday(log)
    _night(log)
    _wednesday(log)
    log.lines = [
        line.replace("SYSCALL=openat", "SYSCALL=execve") if " syscall=59 " in line else line for line in log.lines
    ]
    return log


def _until(log: Made, day: int, hour: float) -> None:
    log.wait(MONDAY + day * 24 * _HOUR + (hour - 8) * _HOUR - log.millis / 1000)


def _monday(log: Made) -> None:
    _until(log, 0, 8.1)
    _asked(log, _ALICE, "virsh start db01")
    log.start(DB)
    _until(log, 0, 8.15)
    _asked(log, _ALICE, "virsh start web01")
    log.start(WEB)
    log.noise(8)
    _until(log, 0, 11.3)
    log.update(DB, "mem", str(DB.mem), "8388608")
    _until(log, 0, 13.1)
    log.touched(DB, by="cat", auid=_BOB, pid=6120)
    _changed(log, DB.disks[0], "cp", 6125)
    for hour, path in ((13.4, "/etc/shadow"), (13.41, "/etc/shadow"), (13.42, "/root/.ssh/id_ed25519")):
        _until(log, 0, hour)
        log.denied(DB, path)
    _until(log, 0, 14)
    _asked(log, _BOB, "virsh attach-disk db01 /srv/export/dump.qcow2 vdb")
    log.attach(DB, "disk", "/srv/export/dump.qcow2")
    _until(log, 0, 14.7)
    log.detach(DB, "disk", "/srv/export/dump.qcow2")
    log.noise(4)
    _until(log, 0, 17.5)
    log.abended(DB)
    log.stop(DB, "crashed")
    _until(log, 0, 17.7)
    _asked(log, _BOB, "virsh start db01")
    log.fail_to_start(DB)
    _until(log, 0, 17.75)
    _asked(log, _BOB, "virsh start db01")
    log.start(DB)


def _night(log: Made) -> None:
    _until(log, 1, 2)
    log.shut_down()
    _until(log, 1, 2.2)
    log.boot()
    log.noise(4)
    log.start(DB)
    log.start(WEB)


def _wednesday(log: Made) -> None:
    _until(log, 2, 9)
    _asked(log, _BOB, "virsh destroy db01")
    log.stop(DB, "destroyed")
    _until(log, 2, 9.5)
    _asked(log, _ALICE, "virsh start db01")
    log.start(DB)
    log.noise(6)


def _asked(log: Made, user: int, command: str) -> None:
    log.sudo(command, auid=user)
    log.ran(*command.split(), auid=user)


def _changed(log: Made, path: str, program: str, pid: int) -> None:
    """A rule with the key virt_image_change tells of a write to an image."""
    call = log.syscall(pid=pid, uid=_BOB, auid=_BOB, comm=program, success=False, key="virt_image_change", items=1)
    item = f'item=0 name="{path}" inode=13479 dev=fe:00 mode=0100600 ouid=107 ogid=107 rdev=00:00 nametype=NORMAL'
    words = "\0".join((program, "/tmp/x", path)).encode().hex().upper()
    title = ("PROCTITLE", f"proctitle={words}", "")
    log.event(call, ("CWD", f'cwd="{_IMAGES}"', ""), ("PATH", item, 'OUID="qemu" OGID="qemu"'), title)


if __name__ == "__main__":
    SHIPPED.write_bytes(sample().data)
