"""What the host calls itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Unknown, Want, reading

_NAMES = ("/proc/sys/kernel/hostname", "/etc/hostname", "/etc/HOSTNAME")


@dataclass(frozen=True, slots=True)
class Identity:
    """The host's name."""

    name: str

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(path) for path in _NAMES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel, then the file for the next boot. Raises `Unknown`."""
        for path in _NAMES:
            try:
                name = host.source.read(path).text.strip()
            except (Absent, Unknown):
                continue
            if name:
                return cls(name)
        raise Unknown("the host's name could not be read")
