"""AVC records: what SELinux and AppArmor refused, or would have."""

from __future__ import annotations

import re
from collections.abc import Callable

from virtwarden.events.fields import ENRICHED, encoded, number, pairs, plain
from virtwarden.events.model import Denial
from virtwarden.formats import Malformed

_SELINUX = re.compile(rb"(?:.*?)avc:\s+(denied|granted)\s+\{ ?([^{}]*?) ?\} for\s*", re.DOTALL)


def read(body: bytes, companions: Callable[[], list[bytes]]) -> Denial | None:
    """A denial, None for what only tells of the policy (a load, a status). Raises `Malformed`."""
    raw = body.partition(ENRICHED)[0]
    found = _SELINUX.match(raw)
    if found is not None:
        return _selinux(raw, found, companions)
    if b"apparmor=" in raw:
        return _apparmor(raw, companions)
    if b"avc:" in raw and b"{" in raw:
        raise Malformed("a denial that does not tell what was denied")
    return None


def _selinux(raw: bytes, found: re.Match[bytes], companions: Callable[[], list[bytes]]) -> Denial:
    told = pairs(raw[found.end() :])
    if "scontext" not in told or "tcontext" not in told:
        raise Malformed("a denial without its contexts")
    path = encoded(told.get("path")) or encoded(told.get("name"))
    auid = number(told.get("auid"))
    if path is None or not path.startswith("/") or auid is None:
        path, auid = _from(companions(), path, auid)
    return Denial(
        by="selinux", denied=found[1] == b"denied", permissions=",".join(found[2].decode("ascii", "replace").split()),
        target_class=plain(told.get("tclass")) or "", process=encoded(told.get("comm")) or "",
        pid=number(told.get("pid")), subject=plain(told["scontext"]) or "", object=plain(told["tcontext"]) or "",
        path=path, auid=auid,
    )  # fmt: skip


def _apparmor(raw: bytes, companions: Callable[[], list[bytes]]) -> Denial | None:
    inner = raw[raw.find(b"msg='") + 5 :] if b"msg='" in raw else raw
    told = pairs(inner)
    what = plain(told.get("apparmor"))
    if what not in ("DENIED", "ALLOWED", "AUDIT"):
        return None
    path, auid = _from(companions(), encoded(told.get("name")), None)
    return Denial(
        by="apparmor", denied=what == "DENIED",
        permissions=plain(told.get("denied_mask")) or plain(told.get("requested_mask")) or "",
        target_class=plain(told.get("operation")) or "", process=encoded(told.get("comm")) or "",
        pid=number(told.get("pid")), subject=encoded(told.get("profile")) or "", object="", path=path, auid=auid,
    )  # fmt: skip


def _from(records: list[bytes], path: str | None, auid: int | None) -> tuple[str | None, int | None]:
    """The full path, and who asked, as far as the other records of the event tell: a name that is no path is the last
    part of one of the event's paths."""
    for record in records:
        head = record[:512]
        if auid is None and b"type=SYSCALL " in head:
            auid = number(pairs(record).get("auid"))
        elif b"type=PATH " in head and (path is None or not path.startswith("/")):
            name = encoded(pairs(record).get("name"))
            if name is not None and name.startswith("/") and (path is None or name.rpartition("/")[2] == path):
                path = name
    return path, auid
