"""Audit logs made for tests: what a host's kernel, auditd and libvirt write while guests live and die on it.

    host = Made(lsm="selinux", enriched=True)
    web = Guest("web")
    began = host.start(web)              # every record of a start; gives the EventId of the VIRT_CONTROL
    host.wait(60)
    host.denied(web, "/etc/shadow")      # an AVC with its SYSCALL, CWD, PATH and PROCTITLE
    host.stop(web, "destroyed")
    host.write(tmp_path / "audit.log")   # or .text, .data, .lines

Forms are those of auditd 3.0.9 and libvirt 9 as recorded on real hosts; `rhel6=True` writes the older `user pid=` form
without `vm-pid` and without DAC labels. Each record goes one millisecond on, and `wait` as far as the test likes, also
backwards. Serials count up and begin anew at `boot`; the records of auditd itself (DAEMON_*) have serials of their own.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path
from zlib import crc32

from virtwarden.events.model import EventId

UNSET = 4294967295
START = 1_795_464_000
"""2026-11-23, 20:00:00 UTC, a Monday."""
_ENRICHED = "\x1d"
_SHADOW = "system_u:object_r:shadow_t:s0"
_IMAGE_FIELDS = "inode=13479 dev=fe:00 mode=0100666 ouid=0 ogid=0 rdev=00:00"
_CAPS = "nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"


def encoded(value: str | None) -> str:
    """A value as libvirt gives it to the audit log: quoted, or in hexadecimal where it is not plain, or "?"."""
    raw = (value or "?").encode("utf-8", "surrogateescape")
    if any(byte == 0x22 or not 0x21 <= byte <= 0x7E for byte in raw):
        return raw.hex().upper()
    return f'"{raw.decode()}"'


@dataclass
class Guest:
    """A guest as its records tell of it. What is not given follows from the name, so that it is always the same."""

    name: str
    uuid: str = ""
    pid: int = 0
    level: str = ""  # of SELinux: s0:c1,c2
    virt: str = "kvm"
    disks: list[str] = field(default_factory=list)
    macs: list[str] = field(default_factory=list)
    mem: int = 1_048_576
    vcpu: int = 2

    def __post_init__(self) -> None:
        seed = crc32(self.name.encode("utf-8", "surrogateescape"))
        self.uuid = self.uuid or str(uuid.UUID(int=seed << 96 | seed, version=4))
        self.pid = self.pid or 1000 + seed % 30000
        self.level = self.level or f"s0:c{seed % 500},c{500 + seed // 500 % 500}"
        self.disks = self.disks or [f"/var/lib/libvirt/images/{self.name}.qcow2"]
        self.macs = self.macs or [f"52:54:00:{seed >> 16 & 255:02x}:{seed >> 8 & 255:02x}:{seed & 255:02x}"]

    @property
    def process(self) -> str:
        """The SELinux context of its process."""
        return f"system_u:system_r:svirt_t:{self.level}"

    @property
    def image(self) -> str:
        """The SELinux context of its images."""
        return f"system_u:object_r:svirt_image_t:{self.level}"

    @property
    def profile(self) -> str:
        """Its AppArmor profile."""
        return f"libvirt-{self.uuid}"


class Made:
    """The audit log of one host, as a growing list of lines without their newlines.

    `host` becomes `node=`; `lsm` is selinux, apparmor or none; `start` is in seconds since 1970.
    """

    def __init__(
        self, host: str | None = None, *, enriched: bool = False, rhel6: bool = False, start: float = START,
        lsm: str = "selinux", daemon: int = 268,
    ) -> None:  # fmt: skip
        self.host, self.enriched, self.rhel6, self.lsm, self.daemon = host, enriched, rhel6, lsm, daemon
        self.millis = round(start * 1000)
        self.serial = 100
        self.lines: list[str] = []
        self._daemon_serial = 4930

    # What was written

    @property
    def text(self) -> str:
        """The whole log."""
        return "".join(f"{line}\n" for line in self.lines)

    @property
    def data(self) -> bytes:
        """The whole log as it lies on disk."""
        return self.text.encode("utf-8", "surrogateescape")

    def write(self, path: Path) -> Path:
        """Write the log there and give the path back."""
        path.write_bytes(self.data)
        return path

    # Time

    def wait(self, seconds: float) -> None:
        """Let time pass, or jump back where it is negative."""
        self.millis += round(seconds * 1000)

    # One record, one event

    def event(self, *records: tuple[str, str, str], serial: int | None = None) -> EventId:
        """Write records of one event, each as type, fields and what auditd adds to it when it enriches."""
        made = EventId(self.millis, self.serial if serial is None else serial)
        node = f"node={self.host} " if self.host else ""
        for kind, fields, added in records:
            more = f"{_ENRICHED}{added}" if self.enriched and added else ""
            self.lines.append(f"{node}type={kind} msg=audit({made}): {fields}{more}")
        self.millis += 1
        if serial is None:
            self.serial += 1
        return made

    def told(
        self, kind: str, message: str, *, ok: bool = True, exe: str = "/usr/sbin/libvirtd", uid: int = 0,
        auid: int = UNSET, pid: int | None = None,
    ) -> EventId:  # fmt: skip
        """A record that a program sends: VIRT_*, USER_*, SERVICE_*, SYSTEM_*."""
        user = "user " if self.rhel6 else ""
        ses = UNSET if auid == UNSET else 3
        head = f"{user}pid={self.daemon if pid is None else pid} uid={uid} auid={auid} ses={ses}{self._subject()}"
        tail = f'exe="{exe}" hostname=? addr=? terminal=? res={"success" if ok else "failed"}'
        names = f'UID="{_name(uid)}" AUID="{_name(auid)}"'
        return self.event((kind, f"{head} msg='{message} {tail}'", names))

    def _subject(self) -> str:
        subjects = {"selinux": " subj=system_u:system_r:virtd_t:s0", "apparmor": " subj=libvirtd"}
        return subjects.get(self.lsm, "")

    # A guest's life

    def control(
        self, guest: Guest, op: str, reason: str | None, *, ok: bool = True, pid: int | None = None
    ) -> EventId:
        """VIRT_CONTROL; `pid` is the guest's."""
        why = f" reason={reason}" if reason else ""
        vm_pid = "" if self.rhel6 else f" vm-pid={guest.pid if pid is None else pid}"
        who = f"vm={encoded(guest.name)} uuid={guest.uuid}"
        return self.told("VIRT_CONTROL", f"virt={guest.virt} op={op}{why} {who}{vm_pid}", ok=ok)

    def identity(self, guest: Guest, *, ok: bool = True) -> list[EventId]:
        """VIRT_MACHINE_ID, one for each security model that labels guests."""
        models = {
            "selinux": (guest.process, guest.image),
            "apparmor": (guest.profile, guest.profile),
            "dac": ("+107:+107", "+107:+107"),
        }
        wanted = [model for model in (self.lsm, "dac") if model in models and not (self.rhel6 and model == "dac")]
        who = f"virt={guest.virt} vm={encoded(guest.name)} uuid={guest.uuid}"
        made = []
        for model in wanted:
            process, image = models[model]
            made.append(
                self.told("VIRT_MACHINE_ID", f"{who} vm-ctx={process} img-ctx={image} model={model}", ok=ok)
            )
        return made

    def resource(self, guest: Guest, resrc: str, reason: str, fields: str, *, ok: bool = True) -> EventId:
        """VIRT_RESOURCE with the fields that follow the uuid."""
        who = f"vm={encoded(guest.name)} uuid={guest.uuid}"
        return self.told("VIRT_RESOURCE", f"virt={guest.virt} resrc={resrc} reason={reason} {who} {fields}", ok=ok)

    def changed(
        self, guest: Guest, resrc: str, reason: str, old: str | None, new: str | None, *, ok: bool = True
    ) -> EventId:
        """VIRT_RESOURCE of the form old-…= new-…=; numbers of mem, vcpu and iothread are not quoted."""
        if resrc in ("mem", "vcpu", "iothread"):
            return self.resource(guest, resrc, reason, f"old-{resrc}={old or 0} new-{resrc}={new or 0}", ok=ok)
        fields = f"old-{resrc}={encoded(old)} new-{resrc}={encoded(new)}"
        return self.resource(guest, resrc, reason, fields, ok=ok)

    def cgroups(self, guest: Guest) -> None:
        """What a start says of control groups: all devices denied, then some allowed."""
        group = f'cgroup="/sys/fs/cgroup/machine.slice/machine-qemu\\x2d1\\x2d{guest.pid}.scope/"'
        self.resource(guest, "cgroup", "deny", f"{group} class=all")
        for path, rdev in (("/dev/null", "01:03"), ("/dev/urandom", "01:09"), ("/dev/kvm", "0A:E8")):
            self.resource(guest, "cgroup", "allow", f'{group} class=path path="{path}" rdev={rdev} acl=rw')
        self.resource(guest, "cgroup", "allow", f"{group} class=major category=pty maj=88 acl=rw")

    def opened(self, guest: Guest, mac: str, path: str = "/dev/net/tun", rdev: str = "0A:C8") -> EventId:
        """VIRT_RESOURCE of a network device that libvirt opens for the guest."""
        return self.resource(guest, "net", "open", f'net={mac} path="{path}" rdev={rdev}')

    def start(self, guest: Guest, reason: str = "booted") -> EventId:
        """All that libvirt writes when a guest starts; the id is that of the VIRT_CONTROL at its end."""
        self.identity(guest)
        self.cgroups(guest)
        for mac in guest.macs:
            self.opened(guest, mac)
        for disk in guest.disks:
            self.changed(guest, "disk", "start", None, disk)
        for mac in guest.macs:
            self.changed(guest, "net", "start", None, mac)
        self.changed(guest, "rng", "start", None, "/dev/urandom")
        self.changed(guest, "chardev", "start", None, f"/var/log/libvirt/qemu/{guest.pid}.log")
        self.changed(guest, "mem", "start", None, str(guest.mem))
        self.changed(guest, "vcpu", "start", None, str(guest.vcpu))
        return self.control(guest, "start", reason)

    def fail_to_start(self, guest: Guest, reason: str = "booted", pid: int = -1) -> EventId:
        """A start that fails after the labels and control groups are set; no stop follows."""
        self.identity(guest)
        self.cgroups(guest)
        return self.control(guest, "start", reason, ok=False, pid=pid)

    def stop(self, guest: Guest, reason: str = "shutdown") -> EventId:
        """VIRT_CONTROL op=stop: shutdown, destroyed, crashed, saved, migrated, failed, from-snapshot."""
        return self.control(guest, "stop", reason, pid=0)

    def save(self, guest: Guest) -> EventId:
        """The guest is saved to a file and stops."""
        return self.stop(guest, "saved")

    def restore(self, guest: Guest) -> EventId:
        """The guest starts from a saved file."""
        return self.start(guest, "restored")

    def migrate_in(self, guest: Guest) -> EventId:
        """The guest arrives from another host."""
        return self.start(guest, "migrated")

    def migrate_out(self, guest: Guest) -> EventId:
        """The guest goes to another host."""
        return self.stop(guest, "migrated")

    # Resources of a running guest

    def attach(self, guest: Guest, resrc: str, value: str, *, ok: bool = True) -> EventId:
        """Hot-plug of a disk, net, rng, chardev or fs: old-X=? new-X=VALUE."""
        return self.changed(guest, resrc, "attach", None, value, ok=ok)

    def detach(self, guest: Guest, resrc: str, value: str, *, ok: bool = True) -> EventId:
        """Unplugging of one."""
        return self.changed(guest, resrc, "detach", value, None, ok=ok)

    def update(self, guest: Guest, resrc: str, old: str | None, new: str | None, *, ok: bool = True) -> EventId:
        """Another medium, more memory, more processors."""
        return self.changed(guest, resrc, "update", old, new, ok=ok)

    def device(self, guest: Guest, reason: str, bus: str, device: str, *, ok: bool = True) -> EventId:
        """A host device: `bus` is pci, usb, scsi, scsi_host or mdev."""
        return self.resource(guest, "dev", reason, f"bus={bus} device={encoded(device)}", ok=ok)

    def redirected(self, guest: Guest, reason: str = "start") -> EventId:
        """USB redirection, which libvirt writes as a device with a fixed, encoded name."""
        return self.device(guest, reason, "usb", "USB redirdev")

    def every_other_resource(self, guest: Guest) -> dict[str, EventId]:
        """One record of each resource that auvirt drops, by its resrc."""
        return {
            "dev": self.device(guest, "start", "pci", "0000:01:00.0"),
            "hostdev": self.resource(guest, "hostdev", "start", f"disk={encoded('/dev/sdc')}"),
            "fs": self.changed(guest, "fs", "start", None, "/srv/shared"),
            "chardev": self.changed(guest, "chardev", "attach", None, "/dev/ttyS1"),
            "smartcard": self.changed(guest, "smartcard", "start", None, "nss-smartcard-device"),
            "tpm": self.resource(guest, "tpm", "start", f"device={encoded('/dev/tpm0')}"),
            "tpm-emulator": self.resource(guest, "tpm-emulator", "start", f"device={encoded('/run/swtpm.sock')}"),
            "shmem": self.resource(guest, "shmem", "start", "size=4194304 path=/dev/shm/shared0"),
            "ivshmem-socket": self.resource(guest, "ivshmem-socket", "start", "path=/run/ivshmem.sock"),
            "evdev": self.resource(guest, "evdev", "start", "path=/dev/input/event3"),
            "iothread": self.changed(guest, "iothread", "start", None, "2"),
        }

    # Denials and anomalies

    def denied(
        self, guest: Guest, path: str, permission: str = "read", *, context: str = _SHADOW, granted: bool = False
    ) -> EventId:
        """The guest's own process is denied a file."""
        if self.lsm == "apparmor":
            return self.apparmor_denial(guest.profile, path, pid=guest.pid, mask=permission[0])
        return self.selinux_denial(guest.process, context, path, permission, pid=guest.pid, granted=granted)

    def touched(
        self, guest: Guest, path: str | None = None, *, by: str = "cat", auid: int = 1000, pid: int = 7007
    ) -> EventId:
        """Another process is denied an image of the guest."""
        path = guest.disks[0] if path is None else path
        if self.lsm == "apparmor":
            return self.apparmor_denial(f"/usr/bin/{by}", path, pid=pid, comm=by, uid=auid)
        subject = "staff_u:staff_r:staff_t:s0-s0:c0.c1023"
        return self.selinux_denial(subject, guest.image, path, "read", pid=pid, comm=by, uid=auid)

    def selinux_denial(
        self, subject: str, context: str, path: str, permissions: str = "read", *, pid: int, comm: str = "qemu-kvm",
        uid: int = 107, target_class: str = "file", granted: bool = False, alone: bool = False,
    ) -> EventId:  # fmt: skip
        """An AVC of SELinux; with `alone`, without the records of the system call."""
        word = "granted" if granted else "denied"
        base = path.rsplit("/", 1)[-1]
        avc = (
            f"avc:  {word}  {{ {permissions} }} for  pid={pid} comm={encoded(comm)} name={encoded(base)} "
            f'dev="vda1" ino=13479 scontext={subject} tcontext={context} tclass={target_class} permissive=0'
        )
        rest = () if alone else self._call(pid, uid, comm, subject, path, context=context)
        return self.event(("AVC", avc, ""), *rest)

    def apparmor_denial(
        self, profile: str, path: str, *, pid: int, comm: str = "qemu-system-x86", mask: str = "r", uid: int = 107,
        operation: str = "open", word: str = "DENIED", alone: bool = False,
    ) -> EventId:  # fmt: skip
        """An AVC of AppArmor; `word` is DENIED, ALLOWED or AUDIT."""
        avc = (
            f'apparmor="{word}" operation="{operation}" profile="{profile}" name={encoded(path)} pid={pid} '
            f'comm={encoded(comm)} requested_mask="{mask}" denied_mask="{mask}" fsuid={uid} ouid=0'
        )
        rest = () if alone else self._call(pid, uid, comm, profile, path, context=None)
        return self.event(("AVC", avc, f'FSUID="{_name(uid)}" OUID="root"'), *rest)

    def _call(
        self, pid: int, uid: int, comm: str, subject: str, path: str, *, context: str | None
    ) -> tuple[tuple[str, str, str], ...]:
        syscall = self.syscall(pid=pid, uid=uid, comm=comm, subject=subject, success=False)
        obj = f"obj={context} " if context else ""
        item = f"item=0 name={encoded(path)} {_IMAGE_FIELDS} {obj}{_CAPS}"
        title = ("PROCTITLE", f"proctitle={encoded(comm)}", "")
        return syscall, ("CWD", 'cwd="/"', ""), ("PATH", item, 'OUID="root" OGID="root"'), title

    def syscall(
        self, *, pid: int, uid: int = 0, auid: int = UNSET, comm: str = "cat", subject: str = "", key: str = "",
        success: bool = True, number: int = 257, items: int = 1, exe: str = "",
    ) -> tuple[str, str, str]:  # fmt: skip
        """A SYSCALL record for `event`."""
        outcome = "success=yes exit=3" if success else "success=no exit=-13"
        ids = " ".join(
            f"{name}={uid}" for name in ("uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid")
        )
        ses = UNSET if auid == UNSET else 3
        fields = (
            f"arch=c000003e syscall={number} {outcome} a0=ffffff9c a1=555f49b053d0 a2=80002 a3=0 items={items} "
            f"ppid=1 pid={pid} auid={auid} {ids} tty=(none) ses={ses} comm={encoded(comm)} "
            f"exe={encoded(exe or f'/usr/bin/{comm}')}{f' subj={subject}' if subject else ''} "
            f"key={encoded(key) if key else '(null)'}"
        )
        names = " ".join(
            f'{name}="{_name(uid)}"' for name in ("UID", "GID", "EUID", "SUID", "FSUID", "EGID", "SGID", "FSGID")
        )
        return "SYSCALL", fields, f'ARCH=x86_64 SYSCALL=openat AUID="{_name(auid)}" {names}'

    def abended(self, guest: Guest, signal: int = 11, pid: int | None = None) -> EventId:
        """ANOM_ABEND: the guest's process was ended by a signal."""
        subject = {"selinux": f" subj={guest.process}", "apparmor": f" subj={guest.profile}"}.get(self.lsm, "")
        fields = (
            f"auid={UNSET} uid=107 gid=107 ses={UNSET}{subject} pid={guest.pid if pid is None else pid} "
            f'comm="qemu-kvm" exe="/usr/libexec/qemu-kvm" sig={signal} res=1'
        )
        return self.event(("ANOM_ABEND", fields, 'AUID="unset" UID="qemu" GID="qemu"'))

    def promiscuous(self, device: str = "vnet0", pid: int | None = None) -> EventId:
        """ANOM_PROMISCUOUS with its SYSCALL: a device begins to listen to everything; `pid` is who made it so."""
        fields = f"dev={device} prom=256 old_prom=0 auid={UNSET} uid=0 gid=0 ses={UNSET}"
        call = self.syscall(pid=self.daemon if pid is None else pid, comm="libvirtd", number=16, items=0)
        names = 'AUID="unset" UID="root" GID="root"'
        return self.event(("ANOM_PROMISCUOUS", fields, names), call, ("PROCTITLE", 'proctitle="libvirtd"', ""))

    # Who asked

    def ran(self, *words: str, auid: int = 1000, uid: int = 0, pid: int = 5555, key: str = "") -> EventId:
        """A command of a logged-in user, as a rule on execve records it."""
        argv = " ".join(f"a{number}={encoded(word)}" for number, word in enumerate(words))
        title = "\0".join(words)
        call = self.syscall(
            pid=pid, uid=uid, auid=auid, comm=words[0], key=key, number=59, items=2, exe=f"/usr/bin/{words[0]}"
        )
        return self.event(
            call, ("EXECVE", f"argc={len(words)} {argv}", ""), ("CWD", 'cwd="/root"', ""),
            ("PROCTITLE", f"proctitle={encoded(title)}", ""),
        )  # fmt: skip

    def sudo(self, command: str, auid: int = 1000) -> EventId:
        """USER_CMD, which sudo writes of what it runs."""
        message = f'cwd="/home/alice" cmd={encoded(command)}'
        return self.told("USER_CMD", message, exe="/usr/bin/sudo", uid=auid, auid=auid, pid=5554)

    # The host

    def boot(self, *, utmp: bool = True) -> EventId:
        """The host boots: kernel serials begin anew, auditd starts, SYSTEM_BOOT is told (with `utmp`)."""
        self.serial = 2
        self.daemon_record(
            "start", f"ver=3.0.9 format={'enriched' if self.enriched else 'raw'} kernel=6.1.0 auid={UNSET} pid=190"
        )
        last = self.event(
            ("CONFIG_CHANGE", f"op=set audit_pid=190 old=0 auid={UNSET} ses={UNSET} res=1", 'AUID="unset"')
        )
        if not utmp:
            return last
        exe = "/usr/lib/systemd/systemd-update-utmp"
        return self.told("SYSTEM_BOOT", ' comm="systemd-update-utmp"', exe=exe, pid=226)

    def shut_down(self) -> EventId:
        """The host shuts down; libvirt tells of no stop then, if the test does not make it."""
        exe = "/usr/lib/systemd/systemd-update-utmp"
        made = self.told("SYSTEM_SHUTDOWN", ' comm="systemd-update-utmp"', exe=exe, pid=9001)
        self.daemon_record("end", f"auid={UNSET} pid=1")
        return made

    def daemon_record(self, op: str, fields: str) -> EventId:
        """DAEMON_START, DAEMON_END, DAEMON_ROTATE …, which auditd writes by itself, with serials of its own."""
        self._daemon_serial += 1
        subject = {"selinux": "system_u:system_r:auditd_t:s0"}.get(self.lsm, "unconfined")
        what = "terminate" if op == "end" else op
        body = f"op={what} {fields} uid=0 ses={UNSET} subj={subject} res=success"
        added = 'AUID="unset" UID="root"'
        return self.event((f"DAEMON_{op.upper()}", body, added), serial=self._daemon_serial)

    # Everything else

    def noise(self, count: int = 1) -> None:
        """Records that have nothing to do with guests: system calls, logins, services."""
        for number in range(count):
            kind = number % 4
            if kind == 0:
                self.event(
                    *self._call(3000 + number, 1000, "cat", "unconfined", f"/tmp/file{number}", context=None)
                )
            elif kind == 1:
                message = f'op=PAM:accounting grantors=pam_permit acct="user{number}"'
                self.told("USER_ACCT", message, exe="/usr/sbin/cron")
            elif kind == 2:
                message = f'unit=job{number} comm="systemd"'
                self.told("SERVICE_START", message, exe="/usr/lib/systemd/systemd", pid=1)
            else:
                fields = f"pid={number} uid=0 old-auid={UNSET} auid=1000 tty=(none) old-ses={UNSET} ses=3 res=1"
                self.event(("LOGIN", fields, 'UID="root" OLD-AUID="unset" AUID="alice"'))


def merged(*hosts: Made) -> str:
    """The logs of several hosts in one stream, as a collector writes them: by time."""
    return "".join(
        f"{line}\n" for _, line in merge(*(_timed(host.lines) for host in hosts), key=lambda each: each[0])
    )


def _timed(lines: Iterable[str]) -> list[tuple[float, str]]:
    return [(float(line.split("audit(", 1)[1].split(":", 1)[0]), line) for line in lines]


def _name(uid: int) -> str:
    return {UNSET: "unset", 0: "root", 107: "qemu", 1000: "alice", 1001: "bob"}.get(uid, f"unknown({uid})")
