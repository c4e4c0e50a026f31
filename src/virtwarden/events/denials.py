"""AVC records: what SELinux and AppArmor refused, or would have."""

from __future__ import annotations

import re
from collections.abc import Callable

from virtwarden.events.fields import ENRICHED, decoded, encoded, name_of, number, pairs, plain, value
from virtwarden.events.model import Denial, Label
from virtwarden.formats import Malformed

_HEAD = 512
_SELINUX = re.compile(rb"(?:.*?)avc:\s+(denied|granted)\s+\{ ?([^{}]*?) ?\} for\s*", re.DOTALL)


_USUAL = re.compile(
    rb"avc:  (denied|granted)  \{ ([^{}]*) \} for  pid=(\d{1,10}) comm=(\"[^\"]*\"|\S+)"
    rb"(?: (?:path|name)=(\"[^\"]*\"|\S+))?(?: [a-z]+=\S+)*? scontext=(\S+) tcontext=(\S+) tclass=(\S+)"
    rb"(?: permissive=[01])?\Z"
)

Denied = tuple[Denial, int | None, str | None]
"""A denial, and the user of the process with the name that the log gives."""


class Guests:
    """What the guests of a log have had so far. A denial that has nothing to do with it is about none of them, and most
    denials are: the other records of such events are not looked for."""

    __slots__ = ("_levels", "_names", "_pids")

    def __init__(self) -> None:
        self._levels: set[bytes] = set()
        self._names: set[str] = set()
        self._pids: set[int] = set()

    def have(self, label: Label) -> None:
        """A guest got a label."""
        self._levels |= {_level(text.encode("utf-8", "surrogateescape")) for text in (label.process, label.image)}

    def own(self, path: str | None) -> None:
        """A guest got a resource."""
        if path is not None and path.startswith("/"):
            self._names.add(path.rpartition("/")[2])

    def run(self, pid: int | None) -> None:
        """A guest got a process."""
        if pid is not None:
            self._pids.add(pid)

    def may_be_meant(self, raw: bytes, pid: int, path: str | None, contexts: tuple[bytes, bytes]) -> bool:
        """Whether a denial may be about a guest."""
        return (
            b"virt" in raw or b"qemu" in raw or pid in self._pids
            or (path is not None and path.rpartition("/")[2] in self._names)
            or _level(contexts[0]) in self._levels or _level(contexts[1]) in self._levels
        )  # fmt: skip


def _level(context: bytes) -> bytes:
    return context.split(b":", 3)[-1]


def read(body: bytes, companions: Callable[[], list[bytes]], guests: Guests) -> Denied | None:
    """A denial, None for what only tells of the policy (a load, a status). Raises `Malformed`."""
    raw = body.partition(ENRICHED)[0]
    usual = _USUAL.match(raw)
    if usual is not None:
        return _usual(raw, usual, companions, guests)
    found = _SELINUX.match(raw)
    if found is not None:
        return _selinux(raw, found, companions())
    if b"apparmor=" in raw:
        return _apparmor(raw, companions)
    if b"avc:" in raw and b"{" in raw:
        raise Malformed("a denial that does not tell what was denied")
    return None


def _usual(raw: bytes, found: re.Match[bytes], companions: Callable[[], list[bytes]], guests: Guests) -> Denied:
    verdict, permissions, digits, comm, name, subject, object_, class_ = found.groups()
    pid, path = int(digits), encoded(name)
    auid = uid = user = None
    if guests.may_be_meant(raw, pid, path, (subject, object_)):
        records = companions()
        auid, uid, user = _who(records)
        path = _path(path, records)
    denial = Denial(
        "selinux", verdict == b"denied", ",".join(permissions.decode("ascii", "replace").split()), decoded(class_),
        encoded(comm) or "", pid, decoded(subject), decoded(object_), path, auid,
    )  # fmt: skip
    return denial, uid, user


def syscall(records: list[bytes]) -> dict[str, bytes]:
    """The fields of the SYSCALL record among those of an event."""
    return next((pairs(record) for record in records if b"type=SYSCALL " in record[:_HEAD]), {})


def _selinux(raw: bytes, found: re.Match[bytes], records: list[bytes]) -> Denied:
    told = pairs(raw[found.end() :])
    if "scontext" not in told or "tcontext" not in told:
        raise Malformed("a denial without its contexts")
    auid, uid, name = _who(records)
    denial = Denial(
        by="selinux", denied=found[1] == b"denied", permissions=",".join(found[2].decode("ascii", "replace").split()),
        target_class=plain(told.get("tclass")) or "", process=encoded(told.get("comm")) or "",
        pid=number(told.get("pid")), subject=plain(told["scontext"]) or "", object=plain(told["tcontext"]) or "",
        path=_path(encoded(told.get("path")) or encoded(told.get("name")), records),
        auid=auid if auid is not None else number(told.get("auid")),
    )  # fmt: skip
    return denial, uid, name


def _apparmor(raw: bytes, companions: Callable[[], list[bytes]]) -> Denied | None:
    told = pairs(raw[raw.find(b"msg='") + 5 :] if b"msg='" in raw else raw)
    what = plain(told.get("apparmor"))
    if what not in ("DENIED", "ALLOWED", "AUDIT"):
        return None
    records = companions()
    auid, uid, name = _who(records)
    denial = Denial(
        by="apparmor", denied=what == "DENIED",
        permissions=plain(told.get("denied_mask")) or plain(told.get("requested_mask")) or "",
        target_class=plain(told.get("operation")) or "", process=encoded(told.get("comm")) or "",
        pid=number(told.get("pid")), subject=encoded(told.get("profile")) or "", object="",
        path=_path(encoded(told.get("name")), records), auid=auid,
    )  # fmt: skip
    return denial, number(told.get("fsuid")) if uid is None else uid, name


def _who(records: list[bytes]) -> tuple[int | None, int | None, str | None]:
    """The login's user, the process's, and the latter's name, as the SYSCALL record tells."""
    for record in records:
        if b"type=SYSCALL " in record[:_HEAD]:
            return number(value(record, b"auid")), number(value(record, b"uid")), name_of(record, b"UID")
    return None, None, None


def _path(path: str | None, records: list[bytes]) -> str | None:
    """The full path: a name that is none is the last part of one of the paths of the event."""
    if path is not None and path.startswith("/"):
        return path
    for record in records:
        if b"type=PATH " in record[:_HEAD]:
            name = encoded(value(record, b"name"))
            if name is not None and name.startswith("/") and (path is None or name.rpartition("/")[2] == path):
                return name
    return path
