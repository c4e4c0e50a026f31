"""How much memory and how many processors the host has to share out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_MEMINFO = "/proc/meminfo"
_ONLINE = "/sys/devices/system/cpu/online"
_TOTAL = re.compile(r"MemTotal:\s+([0-9]{1,15}) kB")
_RANGE = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?\Z")


@dataclass(frozen=True, slots=True)
class HostMemory:
    """`total_kib` is what the kernel has for everything that runs, hugepages included."""

    total_kib: int
    evidence: Evidence

    wants: ClassVar[tuple[Want, ...]] = (reading(_MEMINFO),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel. Raises `Unknown`."""
        text = _kernels(host, _MEMINFO, "how much memory the host has")
        for number, line in enumerate(text.lines, 1):
            found = _TOTAL.match(line)
            if found is not None:
                return cls(int(found[1]), text.cite(number))
        raise Unknown(f"how much memory the host has: {_MEMINFO} has no MemTotal", text.cite(1))


@dataclass(frozen=True, slots=True)
class HostProcessors:
    """`online` is the number of logical processors that the scheduler may use."""

    online: int
    evidence: Evidence

    wants: ClassVar[tuple[Want, ...]] = (reading(_ONLINE),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel. Raises `Unknown`."""
        text = _kernels(host, _ONLINE, "how many processors the host has")
        count = 0
        for part in text.text.strip().split(","):
            found = _RANGE.match(part)
            if found is None:
                raise Unknown(f"how many processors the host has: {_ONLINE} makes no sense", text.cite(1))
            count += int(found[2] or found[1]) - int(found[1]) + 1
        return cls(count, text.cite(1))


def size(kib: int) -> str:
    """An amount of memory as people write it."""
    for unit, below in (("TiB", 30), ("GiB", 20), ("MiB", 10)):
        if kib >= 1 << below:
            return f"{kib / (1 << below):.1f}".removesuffix(".0") + f" {unit}"
    return f"{kib} KiB"


def _kernels(host: Host, path: str, what: str) -> Text:
    try:
        return host.source.read(path)
    except (Absent, Unknown) as refused:
        raise Unknown(f"{what}: {refused}", *refused.evidence) from None
