"""One line of a log to one typed event.

The forms are those of libvirt's domain_audit.c (also as RHEL 6 wrote them), of the kernel's AVC and ANOM records and of
auditd's own. Where a line has the usual form one anchored expression reads it; any other order of fields is taken apart
by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec

from virtwarden.events import denials
from virtwarden.events.fields import ENRICHED, HEAD, decoded, encoded, number, pairs, plain
from virtwarden.events.model import (
    Anomaly,
    Control,
    Detail,
    Event,
    EventId,
    HostEvent,
    Identity,
    Kind,
    Label,
    Resource,
)
from virtwarden.formats import Malformed

_VIRT = re.compile(
    rb"(?:node=(\S+) )?type=VIRT_(C|R|M)[A-Z_]+ msg=audit\((\d{1,12})\.(\d{3}):(\d{1,19})\): (?:user )?"
    rb"pid=-?\d+ uid=(\d{1,10}) auid=\d+ ses=\d+(?: subj=\S+)? msg='virt=(\S+) (?:(?:op|resrc)=(\S+) )?"
    rb"(?:reason=(\S+) )?vm=(\"[^\"]*\"|\S+) uuid=(\S+) ?"
)
_PID = re.compile(rb"vm-pid=(-?\d{1,10})(?: |\Z)")
_LABELS = re.compile(rb"vm-ctx=(\S*) img-ctx=(\S*) model=(\S+)")
_CHANGE = re.compile(rb"old-[a-z-]+=(\"[^\"]*\"|\S*) new-[a-z-]+=(\"[^\"]*\"|\S*)\Z")
_UID = re.compile(rb'[\x1d ]UID="([^"]*)"')
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_COMMAND_TYPES = (b"SYSCALL", b"EXECVE", b"PROCTITLE", b"USER_CMD")
_MANY = 20_000


class CommandPart(msgspec.Struct, frozen=True, gc=False):
    """A record of a command of virsh: who (SYSCALL, USER_CMD), or what (EXECVE, PROCTITLE, USER_CMD)."""

    host: str
    id: EventId
    auid: int | None
    user: str | None
    words: tuple[str, ...]


Companions = Callable[[], list[bytes]]
"""The other records of the event that a line belongs to."""


class Records:
    """Reads lines; what comes again and again (names, uuids, paths) is kept once."""

    __slots__ = ("_names", "_tails", "_texts")

    def __init__(self) -> None:
        self._texts: dict[bytes, str | None] = {}
        self._tails: dict[tuple[str, bytes], tuple[str | None, str | None, str]] = {}
        self._names: dict[tuple[str, int], str | None] = {}

    def read(self, line: bytes, host: str, companions: Companions) -> Event | CommandPart | None:
        """The event of a line, None if it is of no kind that tells of guests. Raises `Malformed`."""
        found = _VIRT.match(line)
        if found is not None:
            return self._virt(line, found, host)
        head = HEAD.match(line)
        if head is None:
            if b"type=VIRT_" in line:
                raise Malformed("a guest's record without a head")
            return None
        node, type_, seconds, millis, serial = head.groups()
        host = host if node is None else decoded(node)
        id_ = EventId(int(seconds) * 1000 + int(millis), int(serial))
        if type_.startswith(b"VIRT_"):
            return self._by_name(line, head.end(), type_, host, id_)
        if type_ in (b"AVC", b"USER_AVC") or type_.startswith(b"APPARMOR_"):
            denial = denials.read(line[head.end() :], companions)
            return None if denial is None else _of_host(Kind.DENIAL, host, id_, denial, ok=not denial.denied)
        if type_.startswith(b"ANOM_"):
            return _of_host(Kind.ANOMALY, host, id_, _anomaly(decoded(type_), line[head.end() :], companions))
        if type_.startswith((b"SYSTEM_", b"DAEMON_")):
            return _host_event(decoded(type_), line[head.end() :], host, id_)
        if type_ in _COMMAND_TYPES:
            return _command(type_, line[head.end() :], host, id_)
        return None

    def _virt(self, line: bytes, found: re.Match[bytes], host: str) -> Event:
        node, letter, seconds, millis, serial, uid, virt, what, reason, vm, uuid = found.groups()
        at = line.rfind(b" exe=")
        if at < found.end() - 1:
            raise Malformed("a guest's record without its end")
        tail = line[found.end() : at]
        id_ = EventId(int(seconds) * 1000 + int(millis), int(serial))
        host = host if node is None else self._text(node)
        ok = _result(line, at)
        if letter == b"R":
            type_ = self._text(what or b"")
            old, new, more = self._resource(type_, tail)
            detail: Detail = Resource(type_, self._text(reason or b""), old, new, more)
            kind = Kind.RESOURCE
        elif letter == b"C":
            pid = _PID.match(tail)
            kind = _OPERATIONS.get(what or b"", Kind.INIT)
            process = None if pid is None else int(pid[1])
            detail = Control(
                self._text(virt), self._text(reason or b""), process if process and process > 0 else None
            )
        else:
            kind, detail = Kind.IDENTITY, _identity(tail)
        user = int(uid)
        name = self._user(host, user, line, at)
        return Event(kind, host, id_, self._guest(vm), self._text(uuid), ok, user, name, detail, None)

    def _user(self, host: str, uid: int, line: bytes, end: int) -> str | None:
        """The name that the log gives a user, once it has been given."""
        known = self._names.get((host, uid))
        if known is None and (named := _UID.search(line, end)) is not None:
            known = self._names[host, uid] = decoded(named[1])
        return known

    def _guest(self, vm: bytes) -> str | None:
        known = self._texts.get(vm, "")
        return self._remember(vm, encoded(vm)) if known == "" else known

    def _by_name(self, line: bytes, start: int, type_: bytes, host: str, id_: EventId) -> Event:
        """A guest's record whose fields stand in another order than usual."""
        opening = line.find(b"msg='", start)
        if opening < 0:
            raise Malformed("a guest's record without a message")
        inner, outer = pairs(line[opening + 5 :]), pairs(line[start:opening])
        vm, uuid, uid = inner.get("vm"), inner.get("uuid"), number(outer.get("uid"))
        if vm is None or not uuid or "res" not in inner:
            raise Malformed("a guest's record without a name, a uuid or a result")
        ok = inner["res"] in (b"success", b"1")
        reason = decoded(inner.get("reason", b""))
        if type_ == b"VIRT_CONTROL":
            kind = _OPERATIONS.get(inner.get("op", b""), Kind.INIT)
            pid = number(inner.get("vm-pid"))
            detail: Detail = Control(decoded(inner.get("virt", b"")), reason, pid if pid and pid > 0 else None)
        elif type_ == b"VIRT_MACHINE_ID":
            texts = [decoded(inner.get(name, b"")) for name in ("model", "vm-ctx", "img-ctx")]
            kind, detail = Kind.IDENTITY, Identity(Label(*texts))
        elif type_ == b"VIRT_RESOURCE":
            resrc = decoded(inner.get("resrc", b""))
            rest = [(name, value) for name, value in inner.items() if name not in _OF_ALL]
            kind, detail = Kind.RESOURCE, Resource(resrc, reason, *_values(rest))
        else:
            raise Malformed(f"a guest's record of the unknown type {decoded(type_)[:40]}")
        name = None if uid is None else self._user(host, uid, line, opening)
        return Event(kind, host, id_, self._guest(vm), self._text(uuid), ok, uid, name, detail, None)

    def _resource(self, type_: str, tail: bytes) -> tuple[str | None, str | None, str]:
        key = (type_, tail)
        known = self._tails.get(key)
        if known is None:
            change = _CHANGE.match(tail)
            if change is None:
                known = _values(list(pairs(tail).items()))
            else:
                read = plain if type_ in _NUMBERS else encoded
                known = (_some(read(change[1])), _some(read(change[2])), "")
            if len(self._tails) >= _MANY:
                self._tails.clear()
            self._tails[key] = known
        return known

    def _text(self, value: bytes) -> str:
        known = self._texts.get(value)
        return known if known is not None else self._remember(value, decoded(value)) or ""

    def _remember(self, value: bytes, text: str | None) -> str | None:
        if len(self._texts) >= _MANY:
            self._texts.clear()
        self._texts[value] = text
        return text


_OPERATIONS = {b"start": Kind.START, b"stop": Kind.STOP, b"init": Kind.INIT}
_NUMBERS = ("mem", "vcpu", "iothread")
_OF_ALL = frozenset(
    ("virt", "resrc", "reason", "vm", "uuid", "exe", "hostname", "addr", "terminal", "res", "UID", "AUID")
)
_RAW = frozenset(("rdev", "acl", "category", "class", "maj", "size", "bus"))
_MAIN = ("path", "device", "disk", "chardev", "net", "category", "cgroup")


def _some(value: str | None) -> str | None:
    return None if value in ("0", "") else value


def _values(fields: list[tuple[str, bytes]]) -> tuple[str | None, str | None, str]:
    """What was there before, what is now, and what else is said, of a resource that is not told as a plain change."""
    told = {name: (plain(value) if name in _RAW else encoded(value)) for name, value in fields}
    old = next((value for name, value in told.items() if name.startswith("old-")), None)
    new = next((value for name, value in told.items() if name.startswith("new-")), None)
    main = next((name for name in _MAIN if name in told), None)
    if old is None and new is None and main is not None:
        new = told.pop(main)
        if told.get("class") == "all":
            new = "all"
    more = " ".join(f"{name}={value}" for name, value in told.items() if not name.startswith(("old-", "new-")))
    return _some(old), _some(new), more


def _identity(tail: bytes) -> Identity:
    found = _LABELS.match(tail)
    if found is None:
        told = pairs(tail)
        if "model" not in told:
            raise Malformed("a guest's identity without a model")
        return Identity(Label(*(decoded(told.get(name, b"")) for name in ("model", "vm-ctx", "img-ctx"))))
    process, image, model = found.groups()
    return Identity(Label(decoded(model), decoded(process), decoded(image)))


def _result(line: bytes, start: int) -> bool:
    at = line.find(b" res=", start)
    if at < 0:
        raise Malformed("a guest's record without a result")
    return line.startswith(b"success", at + 5)


def _of_host(kind: Kind, host: str, id_: EventId, detail: Detail, ok: bool = True) -> Event:
    return Event(kind, host, id_, None, None, ok, None, None, detail, None)


def _host_event(type_: str, body: bytes, host: str, id_: EventId) -> Event | None:
    kind = {"SYSTEM_BOOT": Kind.BOOT, "SYSTEM_SHUTDOWN": Kind.SHUTDOWN}.get(type_, Kind.AUDIT)
    if type_ == "SYSTEM_RUNLEVEL":
        return None
    told = pairs(body.partition(ENRICHED)[0])
    about = " ".join(f"{name}={decoded(told[name])}" for name in ("op", "ver", "auid", "pid") if name in told)
    return _of_host(
        kind, host, id_, HostEvent(type_, about if kind is Kind.AUDIT else ""), b"res=failed" not in body
    )


def _anomaly(type_: str, body: bytes, companions: Companions) -> Anomaly:
    told = pairs(body.partition(ENRICHED)[0])
    around = {} if "pid" in told else _syscall(companions())
    about = [
        f"{name}={plain(told[name])}"
        for name in ("dev", "prom", "old_prom", "sig", "reason", "op", "path")
        if name in told
    ]
    exe = encoded(told.get("exe") or around.get("exe"))
    if exe is not None:
        about.append(exe)
    process = encoded(told.get("comm") or around.get("comm")) or ""
    return Anomaly(
        type_,
        number(told.get("pid") or around.get("pid")),
        " ".join(about),
        process,
        plain(told.get("subj")) or "",
    )


def _syscall(records: list[bytes]) -> dict[str, bytes]:
    return next((pairs(record) for record in records if b"type=SYSCALL " in record[:512]), {})


def _command(type_: bytes, body: bytes, host: str, id_: EventId) -> CommandPart | None:
    raw, _, names = body.partition(ENRICHED)
    told = pairs(raw)
    if type_ == b"USER_CMD":
        inner = pairs(raw[raw.find(b"msg='") + 5 :])
        words = tuple((encoded(inner.get("cmd")) or "").split())
        told = pairs(raw[: raw.find(b"msg='")])
    elif type_ == b"PROCTITLE":
        words = tuple((encoded(told.get("proctitle")) or "").split("\0"))
        told = {}
    elif type_ == b"EXECVE":
        count = min(number(told.get("argc")) or 0, 64)
        words = tuple(encoded(told.get(f"a{at}")) or "" for at in range(count))
        told = {}
    elif encoded(told.get("comm")) == "virsh" and told.get("success") != b"no":
        words = ()
    else:
        return None
    if words and not any(word.rpartition("/")[2] == "virsh" for word in words):
        return None
    named = re.search(rb'AUID="([^"]*)"', names)
    return CommandPart(host, id_, number(told.get("auid")), None if named is None else decoded(named[1]), words)
