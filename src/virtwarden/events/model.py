"""What audit logs tell of guests: events, and the sessions that they make up.

Times are milliseconds since 1970 (UTC), as the kernel stamps them; None is a time that the log does not tell.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class EventId(msgspec.Struct, frozen=True, order=True, gc=False):
    """What identifies an event of a host: `ausearch` takes `serial`, but a serial alone comes again at every boot."""

    millis: int
    serial: int

    def __str__(self) -> str:
        return f"{self.millis // 1000}.{self.millis % 1000:03d}:{self.serial}"


class Kind(StrEnum):
    """What an event is about."""

    START = "start"  # VIRT_CONTROL op=start, also a failed one
    STOP = "stop"
    INIT = "init"  # a container's first process
    IDENTITY = "identity"  # VIRT_MACHINE_ID: the label that a guest runs under
    RESOURCE = "resource"  # VIRT_RESOURCE
    DENIAL = "denial"  # AVC by SELinux or AppArmor
    ANOMALY = "anomaly"  # ANOM_*
    BOOT = "boot"  # of the host
    SHUTDOWN = "shutdown"  # of the host
    AUDIT = "audit"  # the audit daemon starts, ends, rotates …

    __hash__ = str.__hash__  # an enumeration's own is written in Python, and asked for at every event


class Ending(StrEnum):
    """How a session ended; the first seven are libvirt's own reasons of a stop."""

    SHUTDOWN = "shutdown"
    DESTROYED = "destroyed"
    CRASHED = "crashed"
    SAVED = "saved"
    MIGRATED = "migrated"
    FAILED = "failed"  # its process died (libvirt 9 tells a killed QEMU so), or a migration came in vain
    FROM_SNAPSHOT = "from-snapshot"
    REBOOT = "reboot"  # containers
    NOT_STARTED = "not started"  # the start itself failed
    STARTING = "starting"  # whether it started was not told
    HOST_DOWN = "host down"  # the host shut down, or booted again without having shut down
    NOT_TOLD = "not told"  # the guest started again, and no stop was recorded
    RUNNING = "running"  # at the end of the log


class Label(msgspec.Struct, frozen=True, gc=False):
    """What confines a guest (`model` is selinux or apparmor): its process's label, and its images'."""

    model: str
    process: str
    image: str


class Asker(msgspec.Struct, frozen=True, gc=False):
    """Who asked libvirt, as far as a record of his command (virsh, sudo) shortly before tells."""

    auid: int
    user: str | None  # the name that the log gives (ENRICHED)
    command: str
    id: EventId


class Control(msgspec.Struct, frozen=True, gc=False):
    """VIRT_CONTROL: `pid` is the guest's, None where not told (RHEL 6, failed starts)."""

    virt: str
    reason: str
    pid: int | None


class Identity(msgspec.Struct, frozen=True, gc=False):
    """VIRT_MACHINE_ID."""

    label: Label


class Resource(msgspec.Struct, frozen=True, gc=False):
    """VIRT_RESOURCE: `old` and `new` are paths, addresses, numbers (memory in KiB); None where there is none.
    What has no old-/new- form (devices, cgroups, shared memory …) has its value in `new`, or in `old` where it was
    taken away. `more` is what else the record says of it: bus, class, acl, rdev, category, size …"""

    type: str  # disk, net, mem, vcpu, cgroup, dev, chardev, rng, tpm … the record's resrc
    reason: str
    old: str | None
    new: str | None
    more: str = ""


class Denial(msgspec.Struct, frozen=True, gc=False):
    """An AVC: `denied` is False for what was granted or only audited. `by` is selinux or apparmor; `tie` says what ties
    it to the guest: label (of the process), image (label of the object), profile, path or pid."""

    by: str
    denied: bool
    permissions: str  # comma-joined
    target_class: str  # SELinux tclass, AppArmor operation
    process: str  # comm
    pid: int | None
    subject: str  # scontext, profile
    object: str  # tcontext; empty for AppArmor
    path: str | None
    auid: int | None = None
    tie: str = ""


class Anomaly(msgspec.Struct, frozen=True, gc=False):
    """ANOM_*: `type` is the record's, e.g. ANOM_PROMISCUOUS; `about` what it tells: device, signal, program."""

    type: str
    pid: int | None
    about: str
    process: str = ""
    subject: str = ""  # the label of the process
    tie: str = ""


class HostEvent(msgspec.Struct, frozen=True, gc=False):
    """SYSTEM_BOOT, SYSTEM_SHUTDOWN, DAEMON_*. `afresh`: the kernel's numbers begin anew behind it: the host booted."""

    type: str
    about: str = ""
    afresh: bool = False


Detail = Control | Identity | Resource | Denial | Anomaly | HostEvent


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event. `host` is the record's node, or the name given to the log it came from, or empty. `session` is the id
    of the guest's session that it belongs to, None where there is none. `user` is the uid of the daemon that told, or
    of the process that was denied something."""

    kind: Kind
    host: str
    id: EventId
    guest: str | None
    uuid: str | None
    ok: bool
    user: int | None
    user_name: str | None  # the name that the log itself gives (ENRICHED)
    detail: Detail
    session: str | None


class Session(msgspec.Struct, frozen=True, gc=False):
    """A guest from its start to its end. `started` is None where it ran before the log begins; `ended` is None while it
    runs and where its end was not told; `exact` is False where `ended` is only the latest time it can have been."""

    id: str  # uuid@time:serial of its first record; uuid@?, uuid@?2 … where that was not told
    host: str
    guest: str
    uuid: str
    virt: str
    pid: int | None
    user: int | None
    user_name: str | None
    started: int | None
    start_reason: str
    asked: Asker | None
    ended: int | None
    ending: Ending
    end_asked: Asker | None
    exact: bool
    labels: tuple[Label, ...]
    proof: tuple[EventId, ...]


class Skipped(msgspec.Struct):
    """What could not be used, counted by reason; said on standard error, never silently."""

    malformed: int = 0  # lines of a kind that matters which are not what they should be
    too_long: int = 0
    torn: int = 0  # files whose last line has no end
    repeated: int = 0  # records that were there before
    late: int = 0  # records that came too late to be put in order
    bytes: int = 0  # what the lines that are malformed or too long took
    damaged: list[str] = msgspec.field(default_factory=list)  # sentences
