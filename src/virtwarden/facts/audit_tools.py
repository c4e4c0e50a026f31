"""Which version of the audit tools is installed: what auditctl takes and how it lists rules changed with it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.formats.digits import whole
from virtwarden.host import Host, Unknown, Want, running

_VERSION = ("auditctl", "-v")
_NUMBER = re.compile(r"version (\d+)\.(\d+)(?:\.(\d+))?")
_TAKES_EXE = (2, 5)
_LISTS_EXE_RIGHT = (4, 0, 2)


@dataclass(frozen=True, slots=True)
class AuditTools:
    """The version of auditctl, as numbers."""

    version: tuple[int, ...]

    wants: ClassVar[tuple[Want, ...]] = (running(*_VERSION),)

    @property
    def takes_exe(self) -> bool:
        """Whether rules may speak of programs (`-F exe=`)."""
        return self.version >= _TAKES_EXE

    @property
    def lists_exe_right(self) -> bool:
        """Whether `auditctl -l` tells `exe!=` from `exe=`; before 4.0.2 it prints both as `exe=`."""
        return self.version >= _LISTS_EXE_RIGHT

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask auditctl. Raises `Absent` where it is not installed, `Unknown` where it does not tell."""
        output = host.source.run(*_VERSION)
        found = _NUMBER.search(output.stdout)
        numbers = [] if found is None else [whole(part) for part in found.groups() if part is not None]
        known = tuple(number for number in numbers if number is not None)
        if not known:
            raise Unknown("auditctl -v does not tell its version", output.cite())
        return cls(known)
