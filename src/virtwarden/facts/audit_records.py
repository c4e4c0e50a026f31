"""What libvirt wrote into the audit log about the starts of guests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Host, Output, Unknown, Want, running
from virtwarden.model import Evidence

_SEARCH = ("ausearch", "--input-logs", "--message", "VIRT_CONTROL", "--raw")
_NO_MATCH = 1
_UUID = re.compile(r"\buuid=([0-9a-fA-F-]{36})")
_PID = re.compile(r"\bvm-pid=([0-9]{1,10})\b")


@dataclass(frozen=True, slots=True)
class GuestStarts:
    """The starts on record: uuid of the guest with the pid of its process, None on hosts that do not log it."""

    starts: dict[tuple[str, int | None], str]
    output: Output

    wants: ClassVar[tuple[Want, ...]] = (running(*_SEARCH),)

    def of(self, uuid: str, pid: int | None) -> Evidence | None:
        """The record of this process's start, if there is one."""
        record = self.starts.get((uuid, pid)) or self.starts.get((uuid, None))
        return None if record is None else self.output.cite(record)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Search the log; only root may. Raises `Absent` where the tools are not installed."""
        output = host.source.run(*_SEARCH)
        if output.code != 0 and not (output.code == _NO_MATCH and "no matches" in output.stderr + output.stdout):
            raise Unknown(f"the audit log could not be searched: {output.cite().text}", output.cite())
        starts: dict[tuple[str, int | None], str] = {}
        for line in output.stdout.splitlines():
            uuid = _UUID.search(line)
            if uuid is not None and "op=start" in line and "res=success" in line:
                pid = _PID.search(line)
                starts[uuid.group(1).lower(), None if pid is None else int(pid.group(1))] = line
        return cls(starts, output)
