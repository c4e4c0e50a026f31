"""Where each certificate, key and revocation list goes, and to whom it belongs: one table for all who place or judge.

libvirt's daemons read their files as root. QEMU reads its own as the user that guests run as: root owns them, and
QEMU's group may read them. A user's clients read files of his own.

Sources: libvirt's tlscerts documentation and virnettlsconfig, QEMU's crypto/tlscredsx509, gtk-vnc and spice-gtk.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

Use = Literal["libvirt", "qemu", "vnc", "spice", "rdp", "migrate", "chardev", "nbd", "backup"]
Part = Literal["cacert", "cacrl", "servercert", "serverkey", "clientcert", "clientkey"]
Audience = Literal["host", "server", "client", "user"]

USES: tuple[Use, ...] = ("libvirt", "qemu", "vnc", "spice", "rdp", "migrate", "chardev", "nbd", "backup")
PARTS: tuple[Part, ...] = ("cacert", "cacrl", "servercert", "serverkey", "clientcert", "clientkey")
QEMU_USES: tuple[Use, ...] = USES[1:]
QEMU_GROUP = "QEMU's group"
"""Stands for the group that QEMU runs as on a host, which its qemu.conf or its distribution chose."""

_QEMU_NAMES: dict[Part, str] = {
    "cacert": "ca-cert.pem",
    "cacrl": "ca-crl.pem",
    "servercert": "server-cert.pem",
    "serverkey": "server-key.pem",
    "clientcert": "client-cert.pem",
    "clientkey": "client-key.pem",
}
_LIBVIRT: dict[Part, str] = {
    "cacert": "/etc/pki/CA/cacert.pem",
    "cacrl": "/etc/pki/CA/cacrl.pem",
    "servercert": "/etc/pki/libvirt/servercert.pem",
    "serverkey": "/etc/pki/libvirt/private/serverkey.pem",
    "clientcert": "/etc/pki/libvirt/clientcert.pem",
    "clientkey": "/etc/pki/libvirt/private/clientkey.pem",
}
_ANCHORS: tuple[Part, ...] = ("cacert", "cacrl")
_SERVER: tuple[Part, ...] = (*_ANCHORS, "servercert", "serverkey")
_CLIENT: tuple[Part, ...] = (*_ANCHORS, "clientcert", "clientkey")
_ROLES: dict[Use, tuple[Part, ...]] = {
    "libvirt": PARTS,
    "qemu": PARTS,
    "vnc": _SERVER,
    "spice": _SERVER,
    "rdp": _SERVER,
    "migrate": PARTS,  # whoever migrates is a client once and a server the other time
    "chardev": PARTS,
    "nbd": _CLIENT,
    "backup": _SERVER,
}


def directory_of(use: Use) -> str:
    """The directory of one use; the authority of libvirt's own lies beside it, in /etc/pki/CA."""
    if use in ("libvirt", "qemu"):
        return f"/etc/pki/{use}"
    return f"/etc/pki/libvirt-{use}"


QEMU_DIRECTORIES = tuple(directory_of(use) for use in QEMU_USES)
HOST_DIRECTORIES = (
    "/etc/pki",
    "/etc/pki/CA",
    "/etc/pki/CA/private",
    "/etc/pki/libvirt",
    "/etc/pki/libvirt/private",
    *QEMU_DIRECTORIES,
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where one file goes: whose part of which use it is, and mode, owner and group that it has there."""

    use: Use
    part: Part
    path: str
    mode: int
    owner: str = "root"
    group: str = "root"

    @property
    def is_key(self) -> bool:
        """Whether it is a private key."""
        return self.part.endswith("key")

    @property
    def directory(self) -> str:
        """The directory that it lies in."""
        return self.path.rpartition("/")[0]


@dataclass(frozen=True, slots=True)
class Folder:
    """A directory on the way to a place, as it is made where it is not there."""

    path: str
    mode: int
    owner: str = "root"
    group: str = "root"


def host_places(audience: Audience = "host", group: str = QEMU_GROUP) -> tuple[Place, ...]:
    """The places on a host: all, those of its daemons and guests (`server`), or those of root's clients."""
    found: list[Place] = []
    for use in USES:
        for part in _ROLES[use]:
            if audience == "client" or (audience == "server" and use == "libvirt" and part not in _SERVER):
                continue
            found.append(_of_libvirt(part) if use == "libvirt" else _of_qemu(use, part, group))
    if audience == "client":
        found += [_of_libvirt(part) for part in _CLIENT]
        found += _of_viewers("/etc/pki", 0o644, "root", "root")
    return tuple(found)


def user_places(home: str, user: str, group: str) -> tuple[Place, ...]:
    """The places of one user's clients: virsh and its kin, then viewers on gtk-vnc and spice-gtk."""
    pki = f"{home}/.pki"
    virsh = (Place("libvirt", part, f"{pki}/libvirt/{part}.pem", 0o600, user, group) for part in _CLIENT)
    viewers = _of_viewers(pki, 0o600, user, group)
    anchor = (Place("vnc", part, f"{pki}/CA/{part}.pem", 0o600, user, group) for part in _ANCHORS)
    spice = Place("spice", "cacert", f"{home}/.spicec/spice_truststore.pem", 0o600, user, group)
    return (*virsh, *anchor, *viewers, spice)


def overridden(places: Iterable[Place], named: Mapping[Part, str | None]) -> tuple[Place, ...]:
    """The places with those of libvirt's server moved to where its conf file names them."""
    return tuple(
        replace(place, path=other) if place.use == "libvirt" and (other := named.get(place.part)) else place
        for place in places
    )


def folders(places: Iterable[Place]) -> tuple[Folder, ...]:
    """The directories on the way to these places, outermost first."""
    found: dict[str, Folder] = {}
    for place in places:
        for folder in _on_the_way(place):
            found.setdefault(folder.path, folder)
    return tuple(sorted(found.values(), key=lambda folder: folder.path))


def _on_the_way(place: Place) -> list[Folder]:
    inner = place.directory
    if place.owner != "root":
        top = next((cut for cut in ("/.pki", "/.spicec") if cut in inner), "")
        home, _, below = inner.rpartition(top) if top else (inner, "", "")
        names = [f"{home}{top}", *_steps(f"{home}{top}", below)] if top else [inner]
        return [Folder(path, 0o700, place.owner, place.group) for path in names]
    if not inner.startswith("/etc/pki"):
        return []
    paths = ["/etc/pki", *_steps("/etc/pki", inner.removeprefix("/etc/pki"))]
    return [_host_folder(path, place) for path in paths]


def _host_folder(path: str, place: Place) -> Folder:
    if path.endswith("/private"):
        return Folder(path, 0o700)
    if path in QEMU_DIRECTORIES and place.group != "root":
        return Folder(path, 0o750, "root", place.group)
    return Folder(path, 0o755)


def _steps(top: str, below: str) -> list[str]:
    names = [name for name in below.split("/") if name]
    return ["/".join((top, *names[: count + 1])) for count in range(len(names))]


def _of_libvirt(part: Part) -> Place:
    return Place("libvirt", part, _LIBVIRT[part], 0o600 if part.endswith("key") else 0o644)


def _of_qemu(use: Use, part: Part, group: str) -> Place:
    mode = 0o640 if part.endswith("key") else 0o644
    return Place(use, part, f"{directory_of(use)}/{_QEMU_NAMES[part]}", mode, "root", group)


def _of_viewers(pki: str, mode: int, owner: str, group: str) -> list[Place]:
    """What viewers on gtk-vnc show to a VNC server; the authority is that of libvirt's clients."""
    directory = f"{pki}/libvirt-vnc"
    return [
        Place("vnc", "clientcert", f"{directory}/clientcert.pem", mode, owner, group),
        Place("vnc", "clientkey", f"{directory}/private/clientkey.pem", 0o600, owner, group),
    ]
