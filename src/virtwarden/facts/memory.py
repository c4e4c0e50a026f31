"""Whether the kernel merges equal pages of different guests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.values import value_at
from virtwarden.host import Host, Want, reading

_RUN = "/sys/kernel/mm/ksm/run"


@dataclass(frozen=True, slots=True)
class PageMerging:
    """`run` as the kernel spells it: 0 stopped, 1 merging, 2 stopped with all pages parted again."""

    run: Value

    wants: ClassVar[tuple[Want, ...]] = (reading(_RUN),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel; `Absent` where it cannot merge pages."""
        return cls(value_at(host.source, _RUN))
