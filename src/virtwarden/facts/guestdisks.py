"""Where each guest's disks lie, and what the images they begin with say they lie on in turn."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.facts.contents import Content, Image
from virtwarden.facts.domain import Definition, Disk, Guest
from virtwarden.facts.pools import Pools
from virtwarden.host import Absent, Unknown
from virtwarden.model import Evidence, Subject

_CHAINED = ("qcow2", "qcow")


@dataclass(frozen=True, slots=True)
class Link:
    """What an image says it lies on: the name as it gives it, the path that means (None where it is not one of
    this host), the format it declares, and the image that says so. `part` is `backing file` or `data file`, and
    `backing store` where it is only the guest's XML that says so."""

    path: str | None
    reference: str
    format: str | None
    by: str
    part: str = "backing file"


@dataclass(frozen=True, slots=True)
class GuestDisk:
    """A disk of a guest by one of its definitions; `path` is None where it does not lie on this host, or where
    `trouble` says why that is not known."""

    guest: Guest
    definition: Definition
    disk: Disk
    path: str | None
    trouble: str = ""

    @property
    def subject(self) -> Subject:
        """What findings about it speak of."""
        return Subject("guest", f"{self.guest.name} {self.disk.target or self.disk.device}")

    @property
    def evidence(self) -> Evidence:
        """Its line in the guest's XML."""
        return self.definition.cite(self.disk.line)

    @property
    def number(self) -> int:
        """Its place among the guest's disks, counted from 1 as XPath does."""
        places = enumerate(self.definition.disks, 1)
        return next(place for place, each in places if each is self.disk)

    @property
    def format(self) -> str:
        """The format that QEMU is told; libvirt says raw where the XML says nothing."""
        return self.disk.format or "raw"

    @property
    def is_removable(self) -> bool:
        """Whether it is a medium in a drive."""
        return self.disk.device in ("cdrom", "floppy")

    @property
    def is_written(self) -> bool:
        """Whether the guest may write to it."""
        return not (self.disk.readonly or self.disk.device == "cdrom")


def disks_of(guest: Guest, pools: Pools | Absent | Unknown) -> Iterator[GuestDisk]:
    """The guest's disks by each of its definitions, empty drives left out."""
    for definition in guest.definitions:
        for disk in definition.disks:
            if disk.kind == "volume":
                yield _of_pool(guest, definition, disk, pools)
            elif disk.source is not None or disk.kind not in ("file", "block", "dir"):
                path = disk.source if disk.is_local and (disk.source or "").startswith("/") else None
                yield GuestDisk(guest, definition, disk, path)


def _of_pool(guest: Guest, definition: Definition, disk: Disk, pools: Pools | Absent | Unknown) -> GuestDisk:
    if not isinstance(pools, Pools):
        return GuestDisk(guest, definition, disk, None, f"where pool {disk.pool} is: {pools}")
    pool = pools.pools.get(disk.pool or "")
    if pool is None:
        return GuestDisk(guest, definition, disk, None, f"there is no definition of pool {disk.pool}")
    path = pool.volume(disk.source or "") if pool.target.startswith("/") else None
    return GuestDisk(guest, definition, disk, path)


def told_of(disk: GuestDisk) -> tuple[Link, ...]:
    """What the guest's XML says a disk lies on."""
    by = disk.path
    if by is None:
        return ()
    return tuple(Link(p, p, kind, by, "backing store") for p, kind in disk.disk.backing if p.startswith("/"))


def nvram_of(guest: Guest) -> Iterator[str]:
    """The files that hold the guest's firmware variables."""
    for definition in guest.definitions:
        for path in (definition.get("os/nvram"), definition.get("os/nvram/source", "file")):
            if path is not None and path.startswith("/"):
                yield path


def links_of(image: Image, declared: str | None) -> tuple[Link, ...]:
    """What an image says it lies on, if it is read as `declared`; None lets its header tell."""
    content = image.content
    if not isinstance(content, Content) or content.qcow2 is None or declared not in (*_CHAINED, None):
        return ()
    header = content.qcow2
    found: list[Link] = []
    if header.backing:
        found.append(Link(_meant(image.path, header.backing), header.backing, header.backing_format, image.path))
    if header.data_file:
        found.append(Link(_meant(image.path, header.data_file), header.data_file, "raw", image.path, "data file"))
    return tuple(found)


def _meant(by: str, reference: str) -> str | None:
    """The path that QEMU opens; None where the name begins with a protocol, as `json:` and `nbd:` do."""
    plain = reference.removeprefix("file:")
    if ":" in plain.partition("/")[0]:
        return None
    return posixpath.normpath(posixpath.join(posixpath.dirname(by), plain))
