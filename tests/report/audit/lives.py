"""Charts of made logs, for tests of what draws them."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.events.made import Guest, Made
from virtwarden.events import told
from virtwarden.events.model import Event, Session, Skipped
from virtwarden.report.audit.chart import Chart, Frame, chart

WEB, DB = Guest("web"), Guest("db")


def day(guest: Guest = WEB, host: str | None = None) -> Made:
    """A day with a crash, a failed start, a host that goes down, denials and resources that come and go."""
    log = Made(host, enriched=True)
    log.boot()
    log.wait(1200)
    log.ran("virsh", "start", guest.name)
    log.start(guest)
    log.wait(3600)
    log.start(DB)
    log.touched(guest)
    log.attach(guest, "disk", "/srv/backup.qcow2")
    log.wait(5000)
    log.update(guest, "mem", "1048576", "2097152")
    log.wait(2000)
    log.attach(guest, "disk", "/srv/none.img", ok=False)
    log.detach(guest, "disk", "/srv/backup.qcow2")
    log.wait(1000)
    log.abended(guest)
    log.stop(guest, "crashed")
    log.wait(600)
    log.fail_to_start(guest)
    log.wait(100)
    log.start(guest)
    log.wait(5000)
    for _ in range(12):
        log.denied(guest, "/etc/shadow")
        log.wait(30)
    log.shut_down()
    log.wait(300)
    log.boot()
    log.wait(3)
    log.sudo(f"virsh start {guest.name}")
    log.start(guest)
    log.wait(9000)
    log.fail_to_start(DB)
    return log


def busy(number: int) -> Made:
    """So many sessions, each with a scratch disk of its own, now and then a denial or a crash."""
    log = Made()
    for place in range(number):
        log.start(WEB)
        log.wait(1800)
        log.attach(WEB, "disk", f"/srv/scratch/{place % 60}.img")
        if place % 7 == 0:
            log.denied(WEB, f"/etc/secret{place % 5}")
        log.stop(WEB, "crashed" if place % 50 == 0 else "shutdown")
        log.wait(900)
    return log


def charted(log: Made, guest: Guest = WEB, start: int | None = None, stop: int | None = None) -> Chart:
    """The chart of a guest in a log, with times in UTC."""
    with TemporaryDirectory() as folder:
        path = log.write(Path(folder) / "audit.log")
        found = list(told([str(path)], Skipped()))
    sessions = [each for each in found if isinstance(each, Session) and each.uuid == guest.uuid]
    events = [each for each in found if isinstance(each, Event) and each.uuid in (None, guest.uuid)]
    return chart(guest.name, sessions, events, Frame(start, stop, UTC))
