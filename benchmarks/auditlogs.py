"""Audit logs of any size to measure with: `python -m benchmarks.auditlogs FILE --size 1G --share 0.3 --guests 2000`.

The same arguments give the same bytes. Records are in the order of time; guests start, change and stop among the noise
of a busy host, with a label and a process id of their own at every start, and are denied things now and then.
"""

from __future__ import annotations

import argparse
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.auditnoise import UNSET, Event, Noise, each

START = 1_795_000_000
"""2026-11-18, in seconds since 1970."""
_POOL = 12_000
_BLOCK = 4 << 20
_SIZES = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_DENIALS = 0.002  # of virtualization events


@dataclass(slots=True)
class Guest:
    """A guest on the way; `pid` is 0 while it does not run."""

    name: str
    uuid: str
    mac: str
    pid: int = 0
    level: str = ""


@dataclass(slots=True)
class Guests:
    """Makes the records of all guests, one after the other, as if the host never rested."""

    chance: Random
    noise: Noise
    lsm: str
    count: int
    guests: list[Guest] = field(default_factory=list)

    def __post_init__(self) -> None:
        for number in range(self.count):
            bits = self.chance.getrandbits(128)
            mac = f"52:54:00:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
            self.guests.append(Guest(f"guest-{number:04d}", str(uuid.UUID(int=bits, version=4)), mac))

    def events(self) -> Iterator[Event]:
        """Without end."""
        chance = self.chance
        while True:
            guest = chance.choice(self.guests)
            if not guest.pid:
                yield from each(self._started(guest))
                continue
            if chance.random() < _DENIALS * 8:
                yield self._denied(guest)
            if chance.random() < 0.05:
                yield from each(self._plugged(guest))
            if chance.random() < 0.005:
                yield from each([self._abended(guest)])
            yield from each([self._control(guest, "stop", "destroyed" if chance.random() < 0.3 else "shutdown")])
            guest.pid = 0

    def _told(self, kind: str, message: str, outcome: str = "success") -> str:
        subject = "system_u:system_r:virtd_t:s0" if self.lsm == "selinux" else "libvirtd"
        head = f"pid=1204 uid=0 auid={UNSET} ses={UNSET} subj={subject}"
        tail = f'exe="/usr/sbin/libvirtd" hostname=? addr=? terminal=? res={outcome}'
        return self.noise.line(kind, f"{head} msg='{message} {tail}'", 'UID="root" AUID="unset"')

    def _control(self, guest: Guest, op: str, reason: str, outcome: str = "success") -> str:
        pid = guest.pid if op == "start" else 0
        message = f'virt=kvm op={op} reason={reason} vm="{guest.name}" uuid={guest.uuid} vm-pid={pid}'
        return self._told("VIRT_CONTROL", message, outcome)

    def _resource(self, guest: Guest, resrc: str, reason: str, fields: str) -> str:
        message = f'virt=kvm resrc={resrc} reason={reason} vm="{guest.name}" uuid={guest.uuid} {fields}'
        return self._told("VIRT_RESOURCE", message)

    def _started(self, guest: Guest) -> list[str]:
        chance = self.chance
        guest.pid = chance.randrange(2000, 4_000_000)
        low, high = sorted(chance.sample(range(1024), 2))
        guest.level = f"s0:c{low},c{high}"
        group = f'cgroup="/sys/fs/cgroup/machine.slice/machine-qemu\\x2d{guest.pid}\\x2d{guest.name}.scope/"'
        allowed = (("/dev/null", "01:03"), ("/dev/urandom", "01:09"), ("/dev/kvm", "0A:E8"))
        lines = [
            *self._labelled(guest),
            self._resource(guest, "cgroup", "deny", f"{group} class=all"),
            *(
                self._resource(guest, "cgroup", "allow", f'{group} class=path path="{path}" rdev={rdev} acl=rw')
                for path, rdev in allowed
            ),
            self._resource(guest, "cgroup", "allow", f"{group} class=major category=pty maj=88 acl=rw"),
            self._resource(guest, "net", "open", f'net={guest.mac} path="/dev/net/tun" rdev=0A:C8'),
        ]
        if chance.random() < 0.01:
            lines.append(self._control(guest, "start", "booted", "failed"))
            guest.pid = 0
            return lines
        return [*lines, *self._equipped(guest), self._control(guest, "start", "booted")]

    def _labelled(self, guest: Guest) -> Iterator[str]:
        process, image = f"libvirt-{guest.uuid}", f"libvirt-{guest.uuid}"
        if self.lsm == "selinux":
            process = f"system_u:system_r:svirt_t:{guest.level}"
            image = f"system_u:object_r:svirt_image_t:{guest.level}"
        for context, images, model in ((process, image, self.lsm), ("+107:+107", "+107:+107", "dac")):
            message = (
                f'virt=kvm vm="{guest.name}" uuid={guest.uuid} vm-ctx={context} img-ctx={images} model={model}'
            )
            yield self._told("VIRT_MACHINE_ID", message)

    def _equipped(self, guest: Guest) -> Iterator[str]:
        for resrc, value in (
            ("disk", f"/var/lib/libvirt/images/{guest.name}.qcow2"), ("disk", f"/srv/data/{guest.name}.raw"),
            ("net", guest.mac), ("rng", "/dev/urandom"), ("chardev", f"/var/log/libvirt/qemu/{guest.name}.log"),
        ):  # fmt: skip
            yield self._resource(guest, resrc, "start", f'old-{resrc}="?" new-{resrc}="{value}"')
        yield self._resource(guest, "mem", "start", "old-mem=0 new-mem=2097152")
        yield self._resource(guest, "vcpu", "start", "old-vcpu=0 new-vcpu=2")

    def _plugged(self, guest: Guest) -> list[str]:
        disk = f"/var/lib/libvirt/images/{guest.name}-{self.chance.randrange(1000)}.qcow2"
        return [
            self._resource(guest, "disk", "attach", f'old-disk="?" new-disk="{disk}"'),
            self._resource(guest, "disk", "detach", f'old-disk="{disk}" new-disk="?"'),
        ]

    def _denied(self, guest: Guest) -> Event:
        inode = self.chance.randrange(10**7)
        if self.lsm == "selinux":
            fields = (
                f'avc:  denied  {{ read }} for  pid={guest.pid} comm="qemu-kvm" name="file{inode}" dev="dm-0" '
                f"ino={inode} scontext=system_u:system_r:svirt_t:{guest.level} "
                "tcontext=system_u:object_r:user_home_t:s0 tclass=file permissive=0"
            )
        else:
            fields = (
                f'apparmor="DENIED" operation="open" profile="libvirt-{guest.uuid}" name="/srv/file{inode}" '
                f'pid={guest.pid} comm="qemu-system-x86" requested_mask="r" denied_mask="r" fsuid=0 ouid=0'
            )
        lines = [self.noise.line("AVC", fields), *self.noise.call("(null)")]
        return Event("".join(lines).encode(), len(lines))

    def _abended(self, guest: Guest) -> str:
        subject = f"system_u:system_r:svirt_t:{guest.level}" if self.lsm == "selinux" else f"libvirt-{guest.uuid}"
        fields = (
            f"auid={UNSET} uid=107 gid=107 ses={UNSET} subj={subject} pid={guest.pid} "
            'comm="qemu-kvm" exe="/usr/libexec/qemu-kvm" sig=6 res=1'
        )
        return self.noise.line("ANOM_ABEND", fields, 'AUID="unset" UID="unknown(107)" GID="unknown(107)"')


def write_log(
    path: Path, size_bytes: int, *, virt_share: float = 0.01, guests: int = 500, events_per_second: int = 40,
    enriched: bool = True, lsm: str = "selinux", unknown_uids: bool = False, seed: int = 1,
) -> Path:  # fmt: skip
    """Write a log of about this size, of which this share of the records are about guests, and give the path back."""
    chance = Random(seed)
    noise = Noise(chance, enriched=enriched, unknown_uids=unknown_uids)
    stream = _mixed(chance, noise, Guests(chance, noise, lsm, guests).events(), virt_share)
    step = 2000 / events_per_second
    millis, serial, written = float(START * 1000), 100, 0
    waiting: list[bytes] = []
    held, random = 0, chance.random
    with path.open("wb") as out:
        while written + held < size_bytes:
            millis += random() * step
            whole = int(millis)
            serial += 1
            made = b"%d.%03d:%d" % (whole // 1000, whole % 1000, serial)
            text = next(stream).text.replace(b"@ID@", made).replace(b"@PID@", b"%d" % (serial * 7919 % 4_000_000))
            waiting.append(text)
            held += len(text)
            if held >= _BLOCK:
                out.write(b"".join(waiting))
                written += held
                waiting, held = [], 0
        out.write(b"".join(waiting))
    return path


def _mixed(chance: Random, noise: Noise, guests: Iterator[Event], share: float) -> Iterator[Event]:
    """Noise, and events of guests as often as keeps their records at this share of all."""
    pool = noise.pool(_POOL)
    rare = deque(noise.anomalies(200))
    random, count = chance.random, len(pool)
    wanted = share / (1 - share)
    ahead = 0.0
    while True:
        if random() < 0.0004:
            rare.rotate(1)
            event = rare[0]
        else:
            event = pool[int(random() * count)]
        yield event
        ahead += wanted * event.records
        while ahead > 0:
            event = next(guests)
            yield event
            ahead -= event.records


def size(text: str) -> int:
    """Bytes of a size like 100M or 1G."""
    unit = _SIZES.get(text[-1:].upper())
    return int(float(text[:-1]) * unit) if unit else int(text)


def main() -> None:
    """Write one."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.auditlogs", description=__doc__)
    made.add_argument("file", type=Path)
    made.add_argument("--size", type=size, default=size("100M"))
    made.add_argument("--share", type=float, default=0.01, help="of the records are about guests")
    made.add_argument("--guests", type=int, default=500)
    made.add_argument("--rate", type=int, default=40, help="events a second")
    made.add_argument("--raw", action="store_true", help="not ENRICHED")
    made.add_argument("--lsm", choices=("selinux", "apparmor"), default="selinux")
    made.add_argument("--unknown-uids", action="store_true", help="uids that no passwd knows")
    made.add_argument("--seed", type=int, default=1)
    chosen = made.parse_args()
    write_log(
        chosen.file, chosen.size, virt_share=chosen.share, guests=chosen.guests, events_per_second=chosen.rate,
        enriched=not chosen.raw, lsm=chosen.lsm, unknown_uids=chosen.unknown_uids, seed=chosen.seed,
    )  # fmt: skip


if __name__ == "__main__":
    main()
