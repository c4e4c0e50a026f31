"""How a guest's console is moved to where the policy wants it, as edits of the guest's XML."""

from __future__ import annotations

from virtwarden.edits import InsertElement, RemoveAttribute, RemoveElement, SetAttribute
from virtwarden.facts.domain import Console
from virtwarden.facts.management import management_address
from virtwarden.facts.policy import Policy
from virtwarden.host import Host
from virtwarden.model import Change, Document, Safety

_SOCKETS = ("vnc", "spice")
LOOPBACK = "127.0.0.1"


def wanted_place(host: Host) -> str:
    """Where the policy wants consoles: `socket`, `loopback` or `management`."""
    policy = host.get(Policy)
    return policy.console.listen or ("management" if policy.remote.transport == "tls" else "socket")


def moved(host: Host, guest: str, console: Console) -> tuple[Change, ...]:
    """What moves a console that has an address of its own in the XML; nothing where the policy's place is not known."""
    wanted = wanted_place(host)
    if wanted == "socket" and console.kind in _SOCKETS:
        return to_socket(guest, console)
    address = management_address(host) if wanted == "management" else LOOPBACK
    return () if address is None else to_address(guest, console, address)


def to_socket(guest: str, console: Console) -> tuple[Change, ...]:
    """The console goes to a UNIX socket that libvirt makes for it. Guests take it at their next start."""
    path = _path(console)
    edits = (
        RemoveAttribute(path, "listen"),
        RemoveElement(f"{path}/listen[@type='address']"),
        RemoveElement(f"{path}/listen[@type='network']"),
        InsertElement(path, "<listen type='socket'/>"),
    )
    return tuple(Change(Document("domain", guest), edit, Safety.DISRUPTIVE) for edit in edits)


def to_address(guest: str, console: Console, address: str) -> tuple[Change, ...]:
    """The console goes to this address. Guests take it at their next start."""
    path = _path(console)
    edits = [SetAttribute(path, "listen", address)] if console.xml.get("listen") is not None else []
    if console.xml.find("listen[@address]") is not None:
        edits.append(SetAttribute(f"{path}/listen[@address]", "address", address))
    return tuple(Change(Document("domain", guest), edit, Safety.DISRUPTIVE) for edit in edits)


def _path(console: Console) -> str:
    return f"devices/graphics[@type='{console.kind}']"
