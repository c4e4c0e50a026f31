"""Hosts with images, volumes and mounts for tests, in the words of the kernel and the bytes of real headers."""

from __future__ import annotations

import copy
import struct
from collections.abc import Mapping, Sequence
from typing import cast

from tests.formats import headers
from tests.kit import entry, guests, made
from virtwarden.facts.domain import Guest
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Absent, Fact, Host, Stat, Unknown

IMAGES = "/var/lib/libvirt/images"
WEB = f"{IMAGES}/web.qcow2"
GIB = 1 << 30
LIBVIRT = Libvirt(frozenset({"libvirtd"}), modular=False)
MOUNTS = "/dev/vda1 / ext4 rw,relatime 0 0\n"
REFUSED = Unknown("permission denied")

Files = Mapping[str, object]
"""Texts and bytes by path; refusals where there are none."""


def disk(
    source: str = WEB,
    *,
    format: str | None = "qcow2",  # noqa: A002  # the attribute's own word
    kind: str = "",
    target: str = "vda",
    device: str = "disk",
    more: str = "",
    inside: str = "",
    driver: str = "",
    attributes: str = "",
) -> str:
    """A disk of a guest: `more` are further elements of it, `inside` those of its source."""
    kind = kind or ("block" if source.startswith("/dev/") else "file")
    name = "dev" if kind == "block" else "file"
    told = f" type='{format}'" if format else ""
    written = f"<driver name='qemu'{told} {driver}/>" if told or driver else ""
    return (
        f"<disk type='{kind}' device='{device}' {attributes}>{written}<source {name}='{source}'>{inside}</source>"
        f"<target dev='{target}' bus='virtio'/>{more}</disk>"
    )


def block(kernel: str, *, size: int = 10 * GIB, name: str = "", uuid: str = "", below: str = "") -> dict[str, str]:
    """A block device as /sys shows it."""
    base = f"/sys/class/block/{kernel}"
    files = {f"{base}/size": f"{size // 512}\n"}
    if name:
        files |= {f"{base}/dm/name": f"{name}\n", f"{base}/dm/uuid": f"{uuid}\n"}
    return files | {f"{base}/slaves/{lower}": "" for lower in below.split()}


LV = "LVM-" + "a" * 64


def volume(*, data: bytes = b"", luks: bytes = headers.luks1(), size: int = 10 * GIB) -> dict[str, str | bytes]:
    """A logical volume guest01-crypt with LUKS on it, and its open side guest01-img with `data`."""
    return {
        **block("vda", size=20 * GIB),
        **block("dm-0", size=size + (16 << 20), name="vg-guest01--crypt", uuid=LV, below="vda"),
        **block("dm-1", size=size, name="guest01-img", uuid="CRYPT-LUKS2-0d5c-guest01-img", below="dm-0"),
        "/dev/vda": b"",
        "/dev/dm-0": luks,
        "/dev/mapper/guest01-img": data,
    }


OPEN = disk("/dev/mapper/guest01-img", format="raw")


def node(path: str = "/dev/mapper/guest01-img", real: str = "/dev/dm-1") -> Stat:
    """The node of a device."""
    return entry(path, real=real, kind="block", mode=0o660, group="disk")


def private(path: str, size: int = 196624, **fields: object) -> Stat:
    """A file that only its owner may read."""
    return entry(path, mode=0o600, size=size, **fields)


def folder(path: str = IMAGES, mode: int = 0o711, **fields: object) -> Stat:
    """A directory."""
    return entry(path, kind="dir", mode=mode, **fields)


def store(
    *members: Guest,
    facts: Sequence[Fact] = (),
    files: Files | None = None,
    stats: Sequence[Stat] = (),
    refused: Mapping[str, Unknown] | None = None,
) -> Host:
    """A host with these guests and files, on a plain root file system unless told otherwise."""
    world: Files = {
        "/proc/mounts": MOUNTS,
        "/proc/swaps": "Filename\tType\tSize\tUsed\tPriority\n",
        "/sys/class/block/loop0/size": "0\n",
        **(files or {}),
    }
    looked: dict[str, Stat | Unknown] = {stat.path: stat for stat in stats}
    return made(guests(*members), LIBVIRT, *facts, files=texts(world), stats=looked | dict(refused or {}))


def texts(files: Files) -> Mapping[str, str | bytes | Unknown | Absent]:
    """The files as a made source wants them."""
    return cast(Mapping[str, str | bytes | Unknown | Absent], files)


def strong(**slot: object) -> bytes:
    """A LUKS2 header that leaves nothing to wish for, but for these fields of its key slot's derivation."""
    metadata = copy.deepcopy(headers.METADATA)
    first = metadata["keyslots"]["0"]  # type: ignore[index]
    first["kdf"] |= slot
    metadata |= {"keyslots": {"0": first}, "tokens": {}, "config": {"flags": []}}
    return headers.luks2(metadata)


def partitioned(size: int) -> bytes:
    """The first bytes of a disk of this size with a GUID partition table."""
    protective = struct.pack("<B3sB3sII", 0, b"", 0xEE, b"", 1, 0xFFFFFFFF)
    table = struct.pack("<8sIIIIQQ", b"EFI PART", 0x10000, 92, 0, 0, 1, size // 512 - 1)
    return bytes(446) + protective + bytes(48) + b"\x55\xaa" + table
