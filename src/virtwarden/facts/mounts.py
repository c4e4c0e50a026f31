"""What is mounted where, and what /etc/fstab says should be."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Self

from virtwarden.formats import Malformed, columns
from virtwarden.formats.columns import Mount
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_LIVE = "/proc/mounts"
_FSTAB = "/etc/fstab"
NETWORK = (
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "glusterfs", "gfs2", "ocfs2", "gpfs", "beegfs", "lustre", "9p",
    "virtiofs", "afs", "orangefs",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """One table of mounts with the text it was read from."""

    text: Text
    rows: tuple[Mount, ...]

    def cite(self, mount: Mount) -> Evidence:
        """The line of a row."""
        return self.text.cite(mount.line)


@dataclass(frozen=True)
class Mounts:
    """`live` and `configured`; where one could not be read it is the refusal."""

    live: Table | Unknown
    configured: Table | Unknown

    wants: ClassVar[tuple[Want, ...]] = (reading(_LIVE), reading(_FSTAB))

    def holding(self, path: str) -> tuple[Mount, Evidence]:
        """The mount on which a path lies now. Raises `Unknown`."""
        if isinstance(self.live, Unknown):
            raise Unknown(f"what {path} lies on: {self.live}")
        targets = self._targets
        at = path
        while at not in targets and at not in ("", "/"):
            at = at.rpartition("/")[0] or "/"
        mount = targets.get(at)
        if mount is None:
            raise Unknown(f"what {path} lies on: no mount holds it", self.live.text.cite(text="no mount holds it"))
        return mount, self.live.cite(mount)

    @cached_property
    def _targets(self) -> dict[str, Mount]:
        return {} if isinstance(self.live, Unknown) else {mount.target: mount for mount in self.live.rows}

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read both tables; a host without fstab has an empty one."""
        return cls(_table(host.source, _LIVE), _table(host.source, _FSTAB))


def is_network(kind: str) -> bool:
    """Whether a file system of this kind lies on other machines, or is reached through a program that may."""
    return kind in NETWORK or kind.startswith("fuse.") or kind == "fuse"


def _table(source: Source, path: str) -> Table | Unknown:
    try:
        text = source.read(path)
    except Absent as absent:
        if path == _FSTAB:
            return Table(Text(path, "", source.taken_at), ())
        return Unknown(str(absent))
    except Unknown as refused:
        return refused
    try:
        return Table(text, columns.mounts(text.text))
    except Malformed as wrong:
        return Unknown(f"{path}: {wrong}", text.cite(wrong.line or None))
