"""How a guest's console is moved to where the policy wants it, as edits of qemu.conf and of the guest's XML."""

from __future__ import annotations

from virtwarden.edits import Edit, InsertElement, RemoveAttribute, RemoveElement, SetAttribute, SetConf
from virtwarden.facts.consoles import Place
from virtwarden.facts.domain import Console
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.management import management_address
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import QEMU_CONF
from virtwarden.host import Absent, Host, Unknown
from virtwarden.model import Change, Document, Safety

_SOCKETS = ("vnc", "spice")
_KNOWS_SOCKETS = (2, 0, 0)
"""The first libvirt that knows `<listen type='socket'/>`; an older one refuses the guest."""
LOOPBACK = "127.0.0.1"


def wanted_place(host: Host) -> str:
    """Where the policy wants consoles: `socket`, `loopback` or `management`. Where it says nothing and libvirt is too
    old for sockets, the loopback address."""
    policy = host.get(Policy)
    usual = "socket" if knows_sockets(host) else "loopback"
    return policy.console.listen or ("management" if policy.remote.transport == "tls" else usual)


def knows_sockets(host: Host) -> bool:
    """Whether this libvirt can put a console on a UNIX socket; one whose version is not told is taken to be able."""
    try:
        return host.get(Libvirt).at_least(*_KNOWS_SOCKETS) is not False
    except (Absent, Unknown):
        return True


def insists_on_tls(console: Console) -> bool:
    """Whether it is a SPICE console that does not start without a port for TLS. A UNIX socket is none."""
    return console.kind == "spice" and "secure" in (console.default_mode, *console.channels.values())


def moved(host: Host, guest: str, console: Console, place: Place) -> tuple[Change, ...]:
    """What moves a console off this place; nothing where the policy's place is not known, or cannot be had."""
    if wanted_place(host) == "socket" and place.key is None and console.kind in _SOCKETS:
        return to_socket(guest, console) if knows_sockets(host) else ()
    if place.key is not None:
        return moved_by_conf(host, place.key)
    address = _address(host)
    return () if address is None else to_address(guest, console, address)


def moved_by_conf(host: Host, key: str) -> tuple[Change, ...]:
    """What moves all consoles that this setting of qemu.conf decides on; nothing where the policy's place is not
    known."""
    address = _address(host)
    return () if address is None else (Change(QEMU_CONF, SetConf(key, address), Safety.DISRUPTIVE),)


def taken_inside(host: Host, guest: str, console: Console, place: Place) -> tuple[Change, ...]:
    """What takes a console that listens on every address off the network; nothing where it listens on one that somebody
    chose, or where the policy wants it to be reached from elsewhere."""
    if place.reach != "any" or wanted_place(host) == "management":
        return ()
    return moved(host, guest, console, place)


def to_socket(guest: str, console: Console) -> tuple[Change, ...]:
    """The console goes to a UNIX socket that libvirt makes for it, where there is no TLS to insist on. Guests take it
    at their next start."""
    path = _path(console)
    edits: list[Edit] = [
        RemoveAttribute(path, "listen"),
        RemoveElement(f"{path}/listen[@type='address']"),
        RemoveElement(f"{path}/listen[@type='network']"),
        InsertElement(path, "<listen type='socket'/>"),
    ]
    if console.default_mode == "secure":
        edits.append(RemoveAttribute(path, "defaultMode"))
    if "secure" in console.channels.values():
        edits.append(RemoveElement(f"{path}/channel[@mode='secure']"))
    return tuple(Change(Document("domain", guest), edit, Safety.DISRUPTIVE) for edit in edits)


def to_address(guest: str, console: Console, address: str) -> tuple[Change, ...]:
    """The console goes to this address. Guests take it at their next start."""
    path = _path(console)
    edits = [SetAttribute(path, "listen", address)] if console.xml.get("listen") is not None else []
    if console.xml.find("listen[@address]") is not None:
        edits.append(SetAttribute(f"{path}/listen[@address]", "address", address))
    return tuple(Change(Document("domain", guest), edit, Safety.DISRUPTIVE) for edit in edits)


def _address(host: Host) -> str | None:
    return management_address(host) if wanted_place(host) == "management" else LOOPBACK


def _path(console: Console) -> str:
    return f"devices/graphics[@type='{console.kind}']"
