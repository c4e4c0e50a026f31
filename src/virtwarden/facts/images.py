"""The files and devices that guests keep their data in: disks, the chains below them, firmware variables.

Also what lies beside them and bears a guest's name, and every block device that may hold an encrypted volume.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.block import BlockDevices, Device
from virtwarden.facts.contents import Image
from virtwarden.facts.guestdisks import GuestDisk, Link, links_of, told_of
from virtwarden.facts.guests import Guests
from virtwarden.facts.imagesearch import Search, is_inside
from virtwarden.facts.pools import Pools
from virtwarden.host import Absent, Host, Stat, Unknown, Want


@dataclass(frozen=True)
class Images:
    """`disks` in the order of the guests; `images` by path; `volumes` block devices by the kernel's names;
    `strays` what is named after a guest and used by none, with that guest; `directories` that hold or may hold
    images; `unlisted` those whose files could not be listed; `devices` and `pools`, or why they are not known;
    `places` where images are meant to lie. What a header names outside of them is looked at and not read."""

    guests: Guests
    disks: tuple[GuestDisk, ...]
    images: dict[str, Image] = field(default_factory=dict)
    volumes: dict[str, Image] = field(default_factory=dict)
    strays: dict[str, str] = field(default_factory=dict)
    directories: dict[str, Stat | Absent | Unknown] = field(default_factory=dict)
    unlisted: dict[str, str] = field(default_factory=dict)
    devices: BlockDevices | Absent | Unknown = Unknown("the block devices were not read")
    pools: Pools | Absent | Unknown = Unknown("the storage pools were not read")
    places: tuple[str, ...] = ()

    _chains: dict[tuple[str, str], tuple[Link, ...]] = field(default_factory=dict, repr=False)

    wants: ClassVar[tuple[Want, ...]] = ()

    def __iter__(self) -> Iterator[GuestDisk]:
        """The disks; ends in `Unknown` where some guest could not be read."""
        yield from self.disks
        self.guests.complete()

    def chain(self, disk: GuestDisk) -> tuple[Link, ...]:
        """All that lies below a disk by the headers, nearest first, then what only the XML tells. An image that
        comes a second time is named and not followed."""
        if disk.path is None:
            return ()
        found = self._chains.get((disk.path, disk.format))
        if found is None:
            found = self._chains[disk.path, disk.format] = self._followed(disk.path, disk.format)
        if not disk.disk.backing:
            return found
        seen = {disk.path, *(link.path for link in found)}
        return (*found, *(link for link in told_of(disk) if link.path not in seen))

    def _followed(self, path: str, declared: str) -> tuple[Link, ...]:
        found: list[Link] = []
        seen = {path}
        pending = list(links_of(self.images[path], declared))
        while pending:
            link = pending.pop(0)
            found.append(link)
            if link.path is not None and link.path not in seen:
                seen.add(link.path)
                image = self.images.get(link.path)
                pending.extend(() if image is None else links_of(image, link.format))
        return tuple(found)

    def is_inside(self, link: Link) -> bool:
        """Whether what an image lies on is where images are meant to lie, or beside that image."""
        return link.path is not None and is_inside(link.path, link.by, self.places)

    def device(self, path: str) -> Device | None:
        """The block device at a path; None where it is none or is not there. Raises `Unknown`."""
        image = self.images.get(path)
        real = image.stat.real if image is not None and isinstance(image.stat, Stat) else path
        if not real.startswith("/dev/"):
            return None
        if not isinstance(self.devices, BlockDevices):
            raise Unknown(f"which device {path} is: {self.devices}")
        return self.devices.named(real) or self.devices.named(path)

    @classmethod
    def further(cls, host: Host) -> Iterator[Want]:
        """What is known by name."""
        return Search(host).first_wants()

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at everything; what is refused is kept as the refusal."""
        search = Search(host)
        search.begin()
        while search.go_on():
            continue
        return cls(
            host.get(Guests),
            search.disks,
            search.images,
            search.volumes,
            search.strays,
            search.directories,
            search.unlisted,
            search.devices,
            search.pools,
            search.places,
        )
