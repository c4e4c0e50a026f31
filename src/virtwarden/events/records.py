"""One line of a log to one typed event.

The forms are those of libvirt's domain_audit.c (also as RHEL 6 wrote them), of the kernel's AVC and ANOM records and of
auditd's own. Where a line has the usual form one anchored expression reads it; any other order of fields is taken apart
by name.
"""

from __future__ import annotations

import re
from typing import TypeVar

from virtwarden.events import denials, others
from virtwarden.events.fields import HEAD, decoded, encoded, number, pairs, plain
from virtwarden.events.model import (
    Control,
    Detail,
    Event,
    EventId,
    Identity,
    Kind,
    Label,
    Resource,
)
from virtwarden.events.others import Around, CommandPart, Companions
from virtwarden.formats import Malformed

__all__ = ["Around", "CommandPart", "Records"]

_VIRT = re.compile(
    rb"(?:node=(\S+) )?type=VIRT_(CONTROL|RESOURCE|MACHINE_ID) msg=audit\((\d{1,11})\.(\d{3}):(\d{1,19})\): (?:user )?"
    rb"pid=-?\d+ uid=(\d{1,10}) auid=\d+ ses=\d+(?: subj=\S+)? msg='virt=(\S+) (?:(?:op|resrc)=(\S+) )?"
    rb"(?:reason=(\S+) )?vm=(\"[^\"]*\"|\S+) uuid=([^\s:]+):? ?"
)
_CONTROL = re.compile(
    rb"(?:node=(\S+) )?type=VIRT_CONTROL msg=audit\((\d{1,11})\.(\d{3}):(\d{1,19})\): pid=\d+ uid=(\d{1,10}) auid=\d+ "
    rb"ses=\d+(?: subj=\S+)? msg='virt=(\S+) op=(start|stop) reason=(\S+) vm=(\"[^\"]*\"|\S+) uuid=([^\s:]+) "
    rb"vm-pid=(-?\d{1,10}) exe=\S+ hostname=\S+ addr=\S+ terminal=\S+ res=(success|failed)'(?:\x1d[^(]*)?\Z"
)
"""A start or stop as every libvirt since 2013 writes it, to its end."""
_LABELS = re.compile(rb"vm-ctx=(\S*) img-ctx=(\S*) model=(\S+)")
_CHANGE = re.compile(rb"old-[a-z-]+=(\"[^\"]*\"|\S*) new-[a-z-]+=(\"[^\"]*\"|\S*)\Z")
_UID = re.compile(rb'[\x1d ]UID="([^"]*)"')
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_OF_GUESTS = (b"VIRT_CONTROL", b"VIRT_RESOURCE", b"VIRT_MACHINE_ID")
_COMMAND_TYPES = (b"SYSCALL", b"EXECVE", b"PROCTITLE", b"USER_CMD")


class _Texts(dict[bytes, str]):
    """Bytes as text, each kept once."""

    def __missing__(self, value: bytes) -> str:
        return _kept(self, value, decoded(value), len(value))


class _Names(dict[bytes, str | None]):
    """Values that are in quotes or hexadecimal, each kept once."""

    def __missing__(self, value: bytes) -> str | None:
        return _kept(self, value, encoded(value), len(value))


_K = TypeVar("_K")
_T = TypeVar("_T")
_MANY = 20_000
_LONG = 512


def _kept(cache: dict[_K, _T], key: _K, value: _T, length: int = 0) -> _T:
    """A value, and in the cache too unless it is longer than what comes again and again."""
    if length > _LONG:
        return value
    if len(cache) >= _MANY:
        cache.clear()
    cache[key] = value
    return value


class Records:
    """Reads lines; what comes again and again (names, uuids, resources) is kept once."""

    __slots__ = ("_guests", "_had", "_resources", "_texts", "_users", "_users_of")

    def __init__(self) -> None:
        self._texts = _Texts()
        self._guests = _Names()
        self._resources: dict[tuple[bytes, bytes, bytes], Resource] = {}
        self._users: dict[tuple[str, bytes], str] = {}
        self._users_of: dict[bytes, Identity] = {}
        self._had = denials.Guests()

    def read(self, line: bytes, host: str, around: Around) -> Event | CommandPart | None:
        """The event of a line, None if it is of no kind that tells of guests. Raises `Malformed`."""
        found = _CONTROL.match(line)
        if found is not None:
            return self._control(line, found, host)
        found = _VIRT.match(line)
        if found is not None:
            return self._virt(line, found, host)
        head = HEAD.match(line)
        if head is None:
            if any(b"type=" + type_ in line for type_ in _OF_GUESTS):
                raise Malformed("a guest's record without a head")
            return None
        node, type_, seconds, millis, serial = head.groups()
        host = host if node is None else self._texts[node]
        id_ = EventId(int(seconds + millis), int(serial))
        if type_ in _OF_GUESTS:
            return self._by_name(line, head.end(), type_, host, id_)
        if type_ in (b"AVC", b"USER_AVC") or type_.startswith(b"APPARMOR_"):
            return self._denial(line[head.end() :], host, id_, around.companions)
        if type_.startswith(b"ANOM_"):
            return others.anomaly(decoded(type_), line[head.end() :], host, id_, around.companions)
        if type_.startswith((b"SYSTEM_", b"DAEMON_")):
            return others.host_event(decoded(type_), line[head.end() :], host, id_, around)
        if type_ in _COMMAND_TYPES:
            return others.command(type_, line[head.end() :], host, id_)
        return None

    def _control(self, line: bytes, found: re.Match[bytes], host: str) -> Event:
        node, seconds, millis, serial, uid, virt, op, reason, vm, uuid, pid, outcome = found.groups()
        texts = self._texts
        if node is not None:
            host = texts[node]
        process = int(pid)
        if process <= 0:
            detail = Control(texts[virt], texts[reason], None)
        else:
            detail = Control(texts[virt], texts[reason], process)
            self._had.run(process)
        user = self._users.get((host, uid)) or self._user(host, uid, line, found.end(12))
        return Event(
            _OPERATIONS[op], host, EventId(int(seconds + millis), int(serial)), self._guests[vm], texts[uuid],
            outcome == b"success", int(uid), user, detail, None,
        )  # fmt: skip

    def _virt(self, line: bytes, found: re.Match[bytes], host: str) -> Event:
        node, type_, seconds, millis, serial, uid, virt, what, reason, vm, uuid = found.groups(b"")
        start = found.end()
        end = line.rfind(b" exe=")
        result = line.find(b" res=", end)
        if end < start - 1 or result < 0 or line.find(b" msg=audit(", start) >= 0:
            raise Malformed("a guest's record without its end, or with another's behind it")
        tail = line[start:end].removesuffix(b":")  # RHEL 6 ends the message so
        texts = self._texts
        if node:
            host = texts[node]
        detail: Detail
        if type_ == b"RESOURCE":
            kind, detail = _RESOURCE, self._resource(what, reason, tail)
        elif type_ == b"CONTROL":
            kind = _OPERATIONS.get(what, _INIT)
            pid = _process(tail)
            detail = Control(texts[virt], texts[reason], pid)
            self._had.run(pid)
        else:
            kind, detail = _IDENTITY, self._users_of.get(tail) or self._identity(tail)
        user = self._users.get((host, uid)) or self._user(host, uid, line, end)
        return Event(
            kind, host, EventId(int(seconds + millis), int(serial)), self._guests[vm], texts[uuid],
            line.startswith(b"success", result + 5), int(uid), user, detail, None,
        )  # fmt: skip

    def _identity(self, tail: bytes) -> Identity:
        """A label; of those that only name a user there are few."""
        identity = _identity(tail)
        if identity.label.model == "dac":
            return _kept(self._users_of, tail, identity)
        self._had.have(identity.label)
        return identity

    def _denial(self, body: bytes, host: str, id_: EventId, companions: Companions) -> Event | None:
        found = denials.read(body, companions, self._had)
        if found is None:
            return None
        denial, uid, name = found
        return Event(Kind.DENIAL, host, id_, None, None, not denial.denied, uid, name, denial, None)

    def _user(self, host: str, uid: bytes, line: bytes, end: int) -> str | None:
        """The name that the log gives a user, once it has been given."""
        named = _UID.search(line, end)
        return None if named is None else _kept(self._users, (host, uid), decoded(named[1]))

    def _by_name(self, line: bytes, start: int, type_: bytes, host: str, id_: EventId) -> Event:
        """A guest's record whose fields stand in another order than usual."""
        opening = line.find(b"msg='", start)
        if opening < 0:
            raise Malformed("a guest's record without a message")
        inner, outer = pairs(line[opening + 5 :].replace(b": exe=", b" exe=")), pairs(line[start:opening])
        vm, uuid, uid = inner.get("vm"), inner.get("uuid"), number(outer.get("uid"))
        if vm is None or not uuid or "res" not in inner:
            raise Malformed("a guest's record without a name, a uuid or a result")
        ok = inner["res"] in (b"success", b"1")
        reason = decoded(inner.get("reason", b""))
        if type_ == b"VIRT_CONTROL":
            kind = _OPERATIONS.get(inner.get("op", b""), Kind.INIT)
            pid = number(inner.get("vm-pid"))
            detail: Detail = Control(decoded(inner.get("virt", b"")), reason, pid if pid and pid > 0 else None)
            self._had.run(pid)
        elif type_ == b"VIRT_MACHINE_ID":
            identity = _identity(line[opening:])
            kind, detail = Kind.IDENTITY, identity
            self._had.have(identity.label)
        else:
            resrc = decoded(inner.get("resrc", b""))
            rest = [(name, value) for name, value in inner.items() if name not in _OF_ALL]
            resource = Resource(resrc, reason, *_values(reason, rest))
            kind, detail = Kind.RESOURCE, resource
            self._had.own(resource.new)
        name = self._user(host, outer.get("uid", b""), line, opening)
        return Event(kind, host, id_, self._guests[vm], self._texts[uuid], ok, uid, name, detail, None)

    def _resource(self, type_: bytes, reason: bytes, tail: bytes) -> Resource:
        if tail.startswith(b"cgroup="):
            tail = tail[tail.find(b" class=") + 1 :]  # the guest's own group, another one at every start
        key = (type_, reason, tail)
        known = self._resources.get(key)
        if known is None:
            known = _kept(self._resources, key, _resource(self._texts[type_], self._texts[reason], tail))
            self._had.own(known.new)
        return known


def _resource(type_: str, reason: str, tail: bytes) -> Resource:
    change = _CHANGE.match(tail)
    if change is None:
        return Resource(type_, reason, *_values(reason, list(pairs(tail).items())))
    read = plain if type_ in _NUMBERS else encoded
    return Resource(type_, reason, _some(read(change[1])), _some(read(change[2])))


def _process(tail: bytes) -> int | None:
    pid = tail[7:].partition(b" ")[0]
    return int(pid) or None if pid.isdigit() and len(pid) < 11 and tail.startswith(b"vm-pid=") else None


_RESOURCE, _IDENTITY, _INIT = Kind.RESOURCE, Kind.IDENTITY, Kind.INIT
_OPERATIONS = {b"start": Kind.START, b"stop": Kind.STOP, b"init": Kind.INIT}
_NUMBERS = ("mem", "vcpu", "iothread")
_OF_ALL = frozenset(
    ("virt", "resrc", "reason", "vm", "uuid", "exe", "hostname", "addr", "terminal", "res", "UID", "AUID")
)
_RAW = frozenset(("rdev", "acl", "category", "class", "maj", "size", "bus"))
_MAIN = ("path", "device", "disk", "chardev", "net", "category", "cgroup")


def _some(value: str | None) -> str | None:
    return None if value in ("0", "") else value


def _values(reason: str, fields: list[tuple[str, bytes]]) -> tuple[str | None, str | None, str]:
    """What was there before, what is now, and what else is said, of a resource that is not told as a plain change."""
    told = {name: (plain(value) if name in _RAW else encoded(value)) for name, value in fields}
    old = next((value for name, value in told.items() if name.startswith("old-")), None)
    new = next((value for name, value in told.items() if name.startswith("new-")), None)
    main = next((name for name in _MAIN if name in told), None)
    if told.get("class") == "all":
        old, new = None, told.pop("class")
    elif old is None and new is None and main is not None:
        value = told.pop(main)
        old, new = (value, None) if reason == "detach" else (None, value)
    more = " ".join(f"{name}={value}" for name, value in told.items() if not name.startswith(("old-", "new-")))
    return _some(old), _some(new), more


def _identity(tail: bytes) -> Identity:
    found = _LABELS.match(tail)
    if found is not None:
        process, image, model = found.groups()
        return Identity(Label(decoded(model), decoded(process), decoded(image)))
    told = pairs(tail)
    if "vm-ctx" not in told:
        raise Malformed("a guest's identity without a label")
    process, image = decoded(told["vm-ctx"]), decoded(told.get("img-ctx", b""))
    return Identity(Label(decoded(told.get("model", b"")) or _model(process), process, image))


def _model(process: str) -> str:
    """What a label is of, where the first releases of libvirt that wrote it did not say."""
    if process.startswith("+"):
        return "dac"
    return "selinux" if process.count(":") >= 3 else "apparmor"
