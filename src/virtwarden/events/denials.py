"""AVC records: what SELinux and AppArmor refused, or would have."""

from __future__ import annotations

import re
from collections.abc import Callable

from virtwarden.events.fields import ENRICHED, encoded, name_of, number, pairs, plain, value
from virtwarden.events.model import Denial
from virtwarden.formats import Malformed

_HEAD = 512
_SELINUX = re.compile(rb"(?:.*?)avc:\s+(denied|granted)\s+\{ ?([^{}]*?) ?\} for\s*", re.DOTALL)


Denied = tuple[Denial, int | None, str | None]
"""A denial, and the user of the process with the name that the log gives."""


def read(body: bytes, companions: Callable[[], list[bytes]]) -> Denied | None:
    """A denial, None for what only tells of the policy (a load, a status). Raises `Malformed`."""
    raw = body.partition(ENRICHED)[0]
    found = _SELINUX.match(raw)
    if found is not None:
        return _selinux(raw, found, companions())
    if b"apparmor=" in raw:
        return _apparmor(raw, companions)
    if b"avc:" in raw and b"{" in raw:
        raise Malformed("a denial that does not tell what was denied")
    return None


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
