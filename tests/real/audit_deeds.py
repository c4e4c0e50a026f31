"""Guests of a real host are started, changed, saved, restored, killed …, and what was done is written down beside
what the audit log tells of it."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.real import audit_kit, guests
from tests.real.auditd import Auditd, tell_boot
from tests.real.guests import GUESTS, IMAGES, Guest
from tests.real.machine import Machine, wait_until

BYE = bytes.fromhex("ba04 06 b80020 ef f4 ebfd".replace(" ", "")).ljust(510, b"\0") + b"\x55\xaa"
"""A boot sector that switches the machine off: 0x2000 to the port 0x604 of ACPI, as a guest's kernel does."""

NIC = "52:54:00:77:00:01"
_CDROM = """\
<disk type='file' device='cdrom'>
  <target dev='hdc' bus='ide'/>
  <readonly/>
</disk>
<interface type='bridge'>
  <mac address='52:54:00:12:34:02'/>
  <source bridge='br0'/>
</interface>
"""
_BY_NAME = {guest.name: guest for guest in GUESTS} | {
    "db": Guest("db", 2, "Customer database", _CDROM, machine="pc", target="hda", bus="ide")
}
EXTRA_DISK = f"{IMAGES}/extra.img"
MISSING_DISK = f"{IMAGES}/none.img"
MEDIUM = f"{IMAGES}/medium.iso"
_SAVED = f"{IMAGES}/saved.state"


@dataclass(frozen=True, slots=True)
class Run:
    """One session as it was made: how the guest came up, how it ended, and between which two moments (ms)."""

    guest: str
    start: str
    ending: str
    earliest: int
    latest: int


@dataclass
class Deeds:
    """What is done to the guests of one machine, and the runs that should be read out of the log afterwards."""

    machine: Machine
    auditd: Auditd
    runs: list[Run] = field(default_factory=list)

    def prepare(self) -> None:
        """Define the guests; nothing of that is on record."""
        self.machine.ask("virsh", "-q", "net-start", "default")
        for name in ("db", "mail", "build", "legacy"):
            guests.define(self.machine, _BY_NAME[name])
        for image in (EXTRA_DISK, MEDIUM):
            self.machine.ask("qemu-img", "create", "-q", "-f", "raw", image, "1M")

    def all(self) -> None:
        """Everything below, one after the other."""
        self.every_device()
        self.lives()

    def lives(self) -> None:
        """Guests that come up and end in every way."""
        for deed in (
            self.plugged_and_destroyed,
            self.failed,
            self.saved_and_restored,
            self.killed,
            self.switched_itself_off,
            self.reverted,
            self.daemon_restarted,
            self.died_unwatched,
            self.power_lost,
        ):
            deed()

    def plugged_and_destroyed(self) -> None:
        """A disk comes and goes, a medium and a network card come, a plugging fails, the guest is destroyed."""
        self._run("db", "booted", "destroyed", lambda: self._start("db"), self._plug)

    def _plug(self) -> None:
        self._domain("attach-disk", "db", EXTRA_DISK, "sdb", "--targetbus", "usb", "--sourcetype", "file")
        self._domain("attach-interface", "db", "bridge", "br1", "--mac", NIC, "--model", "virtio")
        self._domain("change-media", "db", "hdc", MEDIUM, "--insert", "--live")
        self._domain("setmem", "db", "48M", "--live")
        assert self.machine.run("virsh", "attach-disk", "db", MISSING_DISK, "sdc", "--targetbus", "usb").returncode
        self.auditd.settle()
        self.auditd.rotate()
        self._domain("detach-disk", "db", "sdb")
        self._domain("destroy", "db")

    def every_device(self) -> None:
        """A guest with an odd name and nearly every kind of device; some come while it runs."""
        begin, end = partial(audit_kit.start, self.machine), partial(audit_kit.change, self.machine)
        self._run(audit_kit.NAME, "booted", "destroyed", begin, end)

    def failed(self) -> None:
        """Its disk is missing: the start fails before there is a process. Then its firmware is: QEMU fails."""
        image = self.machine.path(_BY_NAME["legacy"].image)
        away = image.with_suffix(".away")
        image.rename(away)
        self._run("legacy", "booted", "not started", lambda: self._fails("legacy"), _nothing)
        away.rename(image)
        broken = _BY_NAME["legacy"].xml.replace(
            "</devices>\n", "</devices>\n<qemu:commandline><qemu:arg value='-nonsense'/></qemu:commandline>\n"
        )
        broken = broken.replace(
            "<domain type='qemu'>",
            "<domain type='qemu' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>",
        )
        self.machine.ask("virsh", "-q", "define", "/dev/stdin", given=broken)
        self._run("legacy", "booted", "not started", lambda: self._fails("legacy"), _nothing)

    def saved_and_restored(self) -> None:
        """Saved to a file and restored from it, then saved by libvirt itself and started again."""
        self._run(
            "mail", "booted", "saved", lambda: self._start("mail"), lambda: self._domain("save", "mail", _SAVED)
        )
        self._run(
            "mail",
            "restored",
            "saved",
            lambda: self._domain("restore", _SAVED),
            lambda: self._domain("managedsave", "mail"),
        )
        self._run(
            "mail",
            "restored",
            "destroyed",
            lambda: self._start("mail"),
            lambda: self._domain("destroy", "mail"),
        )

    def killed(self) -> None:
        """Its process is killed, which libvirt calls failed, once by a signal that the kernel counts as an anomaly."""
        for number in (signal.SIGKILL, signal.SIGSEGV):
            self._run("db", "booted", "failed", lambda: self._start("db"), partial(self._kill, "db", number))

    def switched_itself_off(self) -> None:
        """The guest's own system switches it off."""
        self._with_boot_sector(_BY_NAME["build"], BYE)
        self._run("build", "booted", "shutdown", lambda: self._start("build"), lambda: self._gone("build"))
        self._with_boot_sector(_BY_NAME["build"], guests.HALT)

    def reverted(self) -> None:
        """A running guest is taken back to a snapshot, which ends one session and begins another."""
        earliest = _now()
        self._start("db")
        self._domain("snapshot-create-as", "db", "before")
        between = _now()
        self._domain("snapshot-revert", "db", "before", "--force")
        self.runs.append(Run("db", "booted", "from-snapshot", earliest, _now()))
        self._domain("destroy", "db")
        self.runs.append(Run("db", "from-snapshot", "destroyed", between, _now()))

    def daemon_restarted(self) -> None:
        """libvirt's daemon ends and comes back while the guest runs; the log turns over meanwhile."""
        self._run("build", "booted", "destroyed", lambda: self._start("build"), self._restart_daemon)

    def died_unwatched(self) -> None:
        """Killed while no daemon runs: libvirt never writes a record of that, the next start alone tells."""
        self._run("build", "booted", "not told", lambda: self._start("build"), self._kill_unwatched)

    def power_lost(self) -> None:
        """The host goes down with a guest running, and boots; another guest runs when all is over."""
        self._run("build", "booted", "host down", lambda: self._start("build"), self._lose_power)
        self._run("db", "booted", "running", lambda: self._start("db"), self.auditd.settle)

    # --- how it is done ----------------------------------------------------------------------------

    def _run(
        self, guest: str, start: str, ending: str, begin: Callable[[], None], end: Callable[[], None]
    ) -> None:
        earliest = _now()
        begin()
        end()
        self.runs.append(Run(guest, start, ending, earliest, _now()))

    def _domain(self, *words: str) -> None:
        self.machine.ask("virsh", "-q", *words)

    def _start(self, guest: str) -> None:
        guests.start(self.machine, guest)

    def _fails(self, guest: str) -> None:
        assert self.machine.run("virsh", "-q", "start", guest).returncode != 0

    def _pid(self, guest: str) -> str:
        return self.machine.read(f"/run/libvirt/qemu/{guest}.pid").strip()

    def _kill(self, guest: str, number: int) -> None:
        self.machine.ask("kill", f"-{number}", self._pid(guest))
        self._gone(guest)

    def _gone(self, guest: str) -> None:
        def is_off() -> bool:
            return self.machine.ask("virsh", "-q", "domstate", guest).strip() == "shut off"

        wait_until(is_off, lambda: f"{guest} does not end", lambda: True)

    def _restart_daemon(self) -> None:
        self.machine.stop_service("libvirtd")
        self.auditd.rotate()
        self.machine.start_service("libvirtd")
        self._domain("destroy", "build")

    def _kill_unwatched(self) -> None:
        self._lose_guest()
        self.machine.start_service("libvirtd")
        self._gone("build")

    def _lose_guest(self) -> None:
        pid = self._pid("build")
        self.machine.stop_service("libvirtd")
        self.machine.ask("kill", "-KILL", pid)
        time.sleep(0.2)

    def _lose_power(self) -> None:
        self._lose_guest()
        self.auditd.stop()
        self.auditd.start()
        tell_boot()
        self.machine.start_service("libvirtd")

    def _with_boot_sector(self, guest: Guest, sector: bytes) -> None:
        with self.machine.path(guest.image).open("r+b") as image:
            image.write(sector)


def _now() -> int:
    return time.time_ns() // 1_000_000


def _nothing() -> None:
    return None
