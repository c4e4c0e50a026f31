"""Whether an IOMMU keeps devices to the memory that they were given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Host, Want, looking
from virtwarden.model import Evidence

_GROUPS = "/sys/kernel/iommu_groups"


@dataclass(frozen=True, slots=True)
class Iommu:
    """How many groups of devices the kernel keeps apart; none where no IOMMU is in use."""

    groups: int

    wants: ClassVar[tuple[Want, ...]] = (looking(f"{_GROUPS}/*"),)

    def cite(self) -> Evidence:
        """The count, and where it was made."""
        return Evidence(f"{self.groups} groups", path=_GROUPS)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Count the groups. Raises `Unknown` where /sys cannot be read."""
        return cls(len(host.source.glob(f"{_GROUPS}/*")))
