"""Block devices as the kernel lists them: their sizes, what lies on what, and the device mapper's mappings."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Source, Unknown, Want, looking, reading
from virtwarden.model import Evidence

_BLOCK = "/sys/class/block"
_LINKS = "/dev/disk/by-*/*"
_CRYPT = ("LUKS1", "LUKS2", "PLAIN", "TCRYPT", "BITLK", "LOOPAES", "FVAULT2")
_LV_UUID = re.compile(r"LVM-[A-Za-z0-9]{64}")
_PART = re.compile(r"(?<!-)-(?!-)")


@dataclass(frozen=True, slots=True)
class Device:
    """One device. `kernel` is the kernel's name for it, `dm-3`; `name` and `uuid` are the device mapper's, empty
    for others; `below` are the devices it lies on."""

    kernel: str
    size: int
    evidence: Evidence
    name: str = ""
    uuid: str = ""
    below: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """The node to read it by."""
        return f"/dev/{self.kernel.replace('!', '/')}"

    @property
    def lasting_path(self) -> str:
        """A path that still leads to it after a reboot, where it has one: the device mapper's."""
        return f"/dev/mapper/{self.name}" if self.name else self.path

    @property
    def is_crypt(self) -> bool:
        """Whether it is the readable side of an encrypted volume."""
        kind, _, rest = self.uuid.partition("-")
        return kind == "CRYPT" and rest.partition("-")[0] in _CRYPT

    @property
    def logical_volume(self) -> str | None:
        """The name of the logical volume that it is, None for other devices and LVM's inner ones."""
        if not _LV_UUID.fullmatch(self.uuid):
            return None
        parts = _PART.split(self.name, maxsplit=1)
        return parts[-1].replace("--", "-") if len(parts) == 2 else None

    def __str__(self) -> str:
        return self.name or self.kernel


@dataclass(frozen=True)
class BlockDevices:
    """All devices by the kernel's names; `links` are other paths to them, `/dev/disk/by-uuid/…`."""

    devices: dict[str, Device] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)

    wants: ClassVar[tuple[Want, ...]] = (
        reading(f"{_BLOCK}/*/size"),
        reading(f"{_BLOCK}/*/dm/name"),
        reading(f"{_BLOCK}/*/dm/uuid"),
        looking(f"{_BLOCK}/*/slaves/*"),
        looking(_LINKS),
    )

    def named(self, path: str) -> Device | None:
        """The device at a path below /dev, whichever of its names that is; None where there is none."""
        path = self.links.get(path, path)
        by_kernel = self.devices.get(path.removeprefix("/dev/").replace("/", "!"))
        if by_kernel is not None or not path.startswith("/dev/"):
            return by_kernel
        name = path.removeprefix("/dev/mapper/")
        if name == path:
            name = "-".join(part.replace("-", "--") for part in path.removeprefix("/dev/").split("/"))
        return self._by_name.get(name)

    def encrypted_by(self, device: Device) -> Device | None:
        """The open encrypted volume through which all data of a device pass; None where some do not."""
        return self._encrypted_by(device, {})

    def _encrypted_by(self, device: Device, known: dict[str, Device | None]) -> Device | None:
        if device.is_crypt:
            return device
        if device.kernel not in known:
            known[device.kernel] = None
            below = [self.devices.get(name) for name in device.below]
            found = [None if under is None else self._encrypted_by(under, known) for under in below]
            known[device.kernel] = found[0] if found and all(found) else None
        return known[device.kernel]

    def above(self, device: Device) -> tuple[Device, ...]:
        """The devices that lie on it."""
        return self._above.get(device.kernel, ())

    @cached_property
    def _by_name(self) -> dict[str, Device]:
        return {device.name: device for device in self.devices.values() if device.name}

    @cached_property
    def _above(self) -> dict[str, tuple[Device, ...]]:
        above: dict[str, tuple[Device, ...]] = {}
        for device in self.devices.values():
            for name in device.below:
                above[name] = (*above.get(name, ()), device)
        return above

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the kernel's list. Raises `Unknown` where it cannot be had."""
        source = host.source
        sizes = source.glob(f"{_BLOCK}/*/size")
        if not sizes:
            source.stat("/sys/class")  # a machine without /sys is not a machine without devices
        below: dict[str, list[str]] = {}
        for path in source.glob(f"{_BLOCK}/*/slaves/*"):
            _, upper, _, lower = path.rsplit("/", 3)
            below.setdefault(upper, []).append(lower)
        mapped = {path.rsplit("/", 3)[1] for path in source.glob(f"{_BLOCK}/*/dm/name")}
        devices = (_device(source, path, mapped, below) for path in sizes)
        return cls({device.kernel: device for device in devices if device is not None}, _links(source))


def _device(source: Source, path: str, mapped: set[str], below: dict[str, list[str]]) -> Device | None:
    kernel = path.rsplit("/", 2)[1]
    try:
        size = source.read(path)
        name = source.read(f"{_BLOCK}/{kernel}/dm/name") if kernel in mapped else None
        uuid = source.read(f"{_BLOCK}/{kernel}/dm/uuid") if kernel in mapped else None
    except Absent:
        return None  # it was taken away between the listing and the reading
    sectors = size.text.strip()
    words = {"name": name.text.strip() if name else "", "uuid": uuid.text.strip() if uuid else ""}
    told = f"{words['name']} {words['uuid']}".strip()
    evidence = size.cite(1) if name is None else (uuid or name).cite(text=told)
    return Device(
        kernel,
        int(sectors) * 512 if sectors.isdecimal() and sectors.isascii() and len(sectors) < 20 else 0,
        evidence,
        below=tuple(below.get(kernel, ())),
        **words,
    )


def _links(source: Source) -> dict[str, str]:
    links: dict[str, str] = {}
    try:
        for path in source.glob(_LINKS):
            links[path] = source.stat(path).real
    except (Absent, Unknown):
        return links
    return links
