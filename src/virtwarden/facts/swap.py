"""Where the kernel puts memory that it has no room for, and where it will after the next boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.mounts import Mounts, Table
from virtwarden.formats import Malformed, columns
from virtwarden.host import Absent, Host, Unknown, Want, reading
from virtwarden.model import Evidence

_LIVE = "/proc/swaps"


@dataclass(frozen=True, slots=True)
class SwapArea:
    """A device or a file (`is_file`) to swap to; `options` are those of its row in fstab."""

    path: str
    is_file: bool
    evidence: Evidence
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Swap:
    """`live` and `configured` areas, or why they are not known; with a line that says there are none."""

    live: tuple[SwapArea, ...] | Unknown
    configured: tuple[SwapArea, ...] | Unknown
    nothing: tuple[Evidence, Evidence] = (Evidence("no rows", path=_LIVE), Evidence("no swap", path="/etc/fstab"))

    wants: ClassVar[tuple[Want, ...]] = (reading(_LIVE),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read what is in use, and what fstab wants."""
        table = host.get(Mounts).configured
        if not isinstance(table, Table):
            return cls(_live(host), table)
        configured = tuple(
            SwapArea(_device(row.source), not row.source.startswith(("/dev/", "UUID=", "LABEL=", "PART")),
                     table.cite(row), row.options)
            for row in table.rows
            if row.kind == "swap"
        )  # fmt: skip
        return cls(_live(host), configured)


def _live(host: Host) -> tuple[SwapArea, ...] | Unknown:
    try:
        text = host.source.read(_LIVE)
        rows = columns.swaps(text.text)
    except Absent as absent:
        return Unknown(str(absent))
    except Unknown as refused:
        return refused
    except Malformed as wrong:
        return Unknown(f"{_LIVE}: {wrong}")
    return tuple(SwapArea(row.path, row.kind == "file", text.cite(row.line)) for row in rows)


def _device(source: str) -> str:
    """fstab's ways to name a device as a path below /dev."""
    key, equals, value = source.partition("=")
    if not equals or "/" in key:
        return source
    return f"/dev/disk/by-{key.lower()}/{value.strip(chr(34))}"
