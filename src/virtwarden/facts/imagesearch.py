"""Finding all images in a few goes: what XML names first, then what the headers found there name, and so on."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from typing import TypeVar

from virtwarden.facts.block import BlockDevices, Device
from virtwarden.facts.contents import FIRST, Image, examined, examining, noticed
from virtwarden.facts.guestdisks import disks_of, links_of, nvram_of, told_of
from virtwarden.facts.guests import Guests
from virtwarden.facts.leftovers import Leftovers
from virtwarden.facts.mounts import Mounts, Table
from virtwarden.facts.policy import Policy
from virtwarden.facts.pools import Pools
from virtwarden.host import Absent, Fact, Host, Stat, Unknown, Want, looking

_LEVELS = 16
_LEAST_VOLUME = 1 << 20
_NEVER_READ = ("ram", "zram", "sr", "fd", "mtdblock")
_SEPARATOR = re.compile(r"[._ -]")
_SUFFIXES = re.compile(r"(?:[._-](?:crypt|crypted|enc|encrypted|luks|img|image|qcow2|raw|disk|new|dm))+$")

F = TypeVar("F", bound=Fact)


class Search:
    """The images on their way to being known."""

    def __init__(self, host: Host) -> None:
        self._source = host.source
        self._guests = host.get(Guests).guests
        self._mounted = _mounted(host)
        left = _or_refusal(host, Leftovers)
        self._former = left.former if isinstance(left, Leftovers) else {}
        self.devices = _or_refusal(host, BlockDevices)
        self.pools = _or_refusal(host, Pools)
        self.disks = tuple(disk for guest in self._guests for disk in disks_of(guest, self.pools))
        self.images: dict[str, Image] = {}
        self.volumes: dict[str, Image] = {}
        self.strays: dict[str, str] = {}
        self.directories: dict[str, Stat | Absent | Unknown] = {}
        self.unlisted: dict[str, str] = {}
        self.places = (*host.get(Policy).storage.image_directories, *self._targets())
        self._asked: dict[str, int] = {}
        self._levels = 0
        self._names = self._named_after()

    def first_wants(self) -> Iterator[Want]:
        """What the first level asks for."""
        named, nodes, places = self._first()
        for path in dict.fromkeys((*named, *nodes.values())):
            yield from examining(path)
        for place in places:
            yield from (looking(place), looking(f"{place}/*"))

    def _first(self) -> tuple[list[str], dict[str, str], list[str]]:
        """All that is known by name: files, nodes by the kernel's name of the device, directories."""
        named = [disk.path for disk in self.disks if disk.path is not None]
        told = (link for disk in self.disks for link in told_of(disk))
        named += [
            link.path for link in told if link.path is not None and is_inside(link.path, link.by, self.places)
        ]
        named += [path for guest in self._guests for path in nvram_of(guest)]
        named += [path for paths in self._former.values() for path in paths if path.startswith("/")]
        nodes = {device.kernel: device.path for device in self._candidates()}
        return named, nodes, list(self._directories(named))

    def begin(self) -> None:
        """The first level: all that is known by name."""
        named, nodes, places = self._first()
        self._source.fetch(self.first_wants())
        self._examine(dict.fromkeys(named, FIRST))
        self.volumes = {kernel: examined(self._source, path) for kernel, path in nodes.items()}
        for place in places:
            self._list(place)
        self._list_volumes()

    def go_on(self) -> bool:
        """The next level: what the headers found so far lead to. False where that is nothing."""
        self._levels += 1
        deeper = {path: image.deeper for path, image in self.images.items() if self._is_cut(image)}
        links = [*self._below_all()]
        paths = deeper | {path: FIRST for path in self.strays if path not in self.images}
        paths |= {path: FIRST for path, by in links if is_inside(path, by, self.places)}
        outside = dict.fromkeys(path for path, _ in links if path not in paths)
        volumes = {kernel: image for kernel, image in self.volumes.items() if self._is_cut(image)}
        if self._levels > _LEVELS or not (paths or volumes or outside):
            return False
        nodes = {image.path: image.deeper for image in volumes.values()}
        wants = [want for path, length in (paths | nodes).items() for want in examining(path, length)]
        self._source.fetch([*wants, *(looking(path) for path in outside)])
        self._examine(paths)
        self.images |= {path: noticed(self._source, path) for path in outside}
        for kernel, image in volumes.items():
            self._asked[image.path] = image.deeper
            self.volumes[kernel] = examined(self._source, image.path, image.deeper)
        return True

    def _is_cut(self, image: Image) -> bool:
        return image.deeper > self._asked.get(image.path, FIRST)

    def _examine(self, paths: dict[str, int]) -> None:
        for path, length in paths.items():
            self._asked[path] = length
            self.images[path] = examined(self._source, path, length)

    def _below_all(self) -> Iterator[tuple[str, str]]:
        """The paths below all disks that were not looked at yet, each with the image that names it."""
        for disk in self.disks:
            if disk.path is not None:
                yield from self._below(self.images[disk.path], disk.format)
            told = (link for link in told_of(disk) if link.path is not None and link.path not in self.images)
            yield from ((link.path or "", link.by) for link in told)

    def _below(self, image: Image, declared: str | None) -> Iterator[tuple[str, str]]:
        seen = {image.path}
        pending = list(links_of(image, declared))
        while pending:
            link = pending.pop()
            if link.path is None or link.path in seen:
                continue
            seen.add(link.path)
            known = self.images.get(link.path)
            if known is None:
                yield link.path, link.by
            else:
                pending.extend(links_of(known, link.format))

    def _candidates(self) -> Iterator[Device]:
        """Devices that may hold an encrypted volume: not those that are mounted or that others are made of."""
        if not isinstance(self.devices, BlockDevices):
            return
        mounted = {self.devices.named(source) for source in self._mounted or ()}
        for device in self.devices.devices.values():
            above = self.devices.above(device)
            if device.size < _LEAST_VOLUME or device.kernel.startswith(_NEVER_READ) or device.is_crypt:
                continue
            if device not in mounted and (not above or any(other.is_crypt for other in above)):
                yield device

    def _targets(self) -> tuple[str, ...]:
        pools = self.pools.pools.values() if isinstance(self.pools, Pools) else ()
        return tuple(pool.target for pool in pools if pool.is_directory and pool.target.startswith("/"))

    def _directories(self, named: Iterable[str]) -> list[str]:
        places = (*self.places, *(posixpath.dirname(path) for path in named))
        cleaned = (posixpath.normpath(place) for place in places if place.startswith("/"))
        return list(dict.fromkeys(p for p in cleaned if p != "/" and not f"{p}/".startswith("/dev/")))

    def _list(self, place: str) -> None:
        try:
            self.directories[place] = self._source.stat(place)
        except (Absent, Unknown) as refused:
            self.directories[place] = refused
        try:
            paths = self._source.glob(f"{place}/*")
        except Unknown as refused:
            self.unlisted[place] = str(refused)
            return
        for path in paths:
            owner = None if path in self.images else self._owner(place, path.rpartition("/")[2])
            if owner is not None:
                self.strays[path] = owner

    def _list_volumes(self) -> None:
        """Logical volumes that nothing lies on, nothing mounts and no guest uses, but that are named after one."""
        if not isinstance(self.devices, BlockDevices) or self._mounted is None:
            return
        reals = (image.stat.real if isinstance(image.stat, Stat) else path for path, image in self.images.items())
        taken = {self.devices.named(path) for path in (*reals, *self._mounted)}
        for device in self.devices.devices.values():
            name = device.logical_volume
            if name is None or device in taken or self.devices.above(device):
                continue
            owner = self._owner("", name)
            if owner is not None:
                self.strays[f"/dev/mapper/{device.name}"] = owner

    def _owner(self, place: str, name: str) -> str | None:
        """The guest after which a file is named, or after one of whose disks in the same place, or its place."""
        ends = [match.start() for match in _SEPARATOR.finditer(name)]
        for end in (len(name), *reversed(ends)):
            owner = self._names.get(("", name[:end])) or self._names.get((place, name[:end]))
            if owner is not None:
                return owner
        return self._names.get(("", posixpath.basename(place)))

    def _named_after(self) -> dict[tuple[str, str], str]:
        names = {("", guest.name): guest.name for guest in self._guests}
        for disk in self.disks:
            if disk.path is None or disk.is_removable:
                continue
            place, base = posixpath.split(disk.path)
            stem = stem_of(base)
            if len(stem) > 2:
                names.setdefault(("" if place.startswith("/dev") else place, stem), disk.guest.name)
        return names


def is_inside(path: str, by: str, places: Iterable[str]) -> bool:
    """Whether a path that an image names is in one of these places, or beside the image that names it."""
    roots = (place.rstrip("/") for place in (*places, posixpath.dirname(by)))
    return any(path.startswith(f"{root}/") for root in roots if root)


def stem_of(name: str) -> str:
    """The name of an image or volume without the endings that only say what it is: `-crypt`, `.img`, `-disk` …"""
    return _SUFFIXES.sub("", name)


def _mounted(host: Host) -> tuple[str, ...] | None:
    live = host.get(Mounts).live
    return tuple(mount.source for mount in live.rows) if isinstance(live, Table) else None


def _or_refusal(host: Host, fact: type[F]) -> F | Absent | Unknown:
    try:
        return host.get(fact)
    except (Absent, Unknown) as refused:
        return refused
