"""Records that are not of guests themselves: the host's boots and the audit daemon's own, anomalies, and the commands
of virsh."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import msgspec

from virtwarden.events import denials
from virtwarden.events.fields import ENRICHED, HEAD, decoded, encoded, name_of, number, pairs, plain
from virtwarden.events.model import Anomaly, Event, EventId, HostEvent, Kind

_MOST_WORDS = 64
_TITLE = 127
"""Bytes of a PROCTITLE from which on it may be cut off (MAX_PROCTITLE_AUDIT_LEN)."""

Companions = Callable[[], list[bytes]]


class Around(Protocol):
    """What stands around a line."""

    def companions(self) -> list[bytes]:
        """The other records of the event that the line is a record of."""

    def neighbours(self) -> tuple[bytes, bytes]:
        """The lines before and behind this one that are none of auditd's own; empty where there are none near."""


class CommandPart(msgspec.Struct, frozen=True, gc=False):
    """A record of a command of virsh: who (SYSCALL, USER_CMD), or what (EXECVE, PROCTITLE, USER_CMD)."""

    host: str
    id: EventId
    auid: int | None
    user: str | None
    words: tuple[str, ...]
    kind: str = "command"


def host_event(type_: str, body: bytes, host: str, id_: EventId, around: Around) -> Event | None:
    """The event of a SYSTEM_* or DAEMON_* record; None for a change of the runlevel."""
    kind = {"SYSTEM_BOOT": Kind.BOOT, "SYSTEM_SHUTDOWN": Kind.SHUTDOWN}.get(type_, Kind.AUDIT)
    if type_ == "SYSTEM_RUNLEVEL":
        return None
    told = pairs(body.partition(ENRICHED)[0])
    about = " ".join(f"{name}={decoded(told[name])}" for name in ("op", "ver", "auid", "pid") if name in told)
    afresh = type_ == "DAEMON_START" and _begins_afresh(*around.neighbours())
    detail = HostEvent(type_, about if kind is Kind.AUDIT else "", afresh)
    return Event(kind, host, id_, None, None, b"res=failed" not in body, None, None, detail, None)


def _begins_afresh(before: bytes, behind: bytes) -> bool:
    """Whether the kernel's numbers go back between two lines of one host."""
    first, second = HEAD.match(before), HEAD.match(behind)
    return first is not None and second is not None and first[1] == second[1] and int(second[5]) < int(first[5])


def anomaly(type_: str, body: bytes, host: str, id_: EventId, companions: Companions) -> Event:
    """The event of an ANOM_* record."""
    told = pairs(body.partition(ENRICHED)[0])
    around = {} if "pid" in told else denials.syscall(companions())
    names = ("dev", "prom", "old_prom", "sig", "reason", "op", "path")
    about = [f"{name}={plain(told[name])}" for name in names if name in told]
    exe = encoded(told.get("exe") or around.get("exe"))
    if exe is not None:
        about.append(exe)
    process = encoded(told.get("comm") or around.get("comm")) or ""
    pid = number(told.get("pid") or around.get("pid"))
    detail = Anomaly(type_, pid, " ".join(about), process, plain(told.get("subj")) or "")
    uid = number(told.get("uid") or around.get("uid"))
    return Event(Kind.ANOMALY, host, id_, None, None, True, uid, name_of(body, b"UID"), detail, None)


def command(type_: bytes, body: bytes, host: str, id_: EventId) -> CommandPart | None:
    """What a record tells of a command of virsh; None where it is of another one, or the command was not run."""
    told = pairs(body.partition(ENRICHED)[0])
    if type_ == b"SYSCALL":
        if encoded(told.get("comm")) != "virsh" or told.get("success") == b"no":
            return None
        words: tuple[str, ...] = ()
    elif type_ == b"USER_CMD":
        message = pairs(body[body.find(b"msg='") + 5 :])
        if message.get("res") in (b"failed", b"0"):  # sudo refused it
            return None
        told = pairs(body[: body.find(b"msg='")])
        words = tuple((encoded(message.get("cmd")) or "").replace(";", " ; ").split()[:_MOST_WORDS])
    else:
        words = _executed(told) if type_ == b"EXECVE" else _titled(told)
        told = {}
    if words and not any(word.rpartition("/")[2] == "virsh" for word in words):
        return None
    return CommandPart(host, id_, number(told.get("auid")), name_of(body, b"AUID"), words)


def _executed(told: dict[str, bytes]) -> tuple[str, ...]:
    count = min(number(told.get("argc")) or 0, _MOST_WORDS)
    return tuple(encoded(told.get(f"a{at}")) or "" for at in range(count))


def _titled(told: dict[str, bytes]) -> tuple[str, ...]:
    """The words of a title, which the kernel cuts off: what may be cut is not used, half a name is another's."""
    title = encoded(told.get("proctitle")) or ""
    if len(title.encode("utf-8", "surrogateescape")) >= _TITLE:
        return ()
    return tuple(title.split("\0"))
