"""Guests have locally administered MAC addresses.

An address is either bought from the registry by the maker of a card or made up by whoever runs the network, and
one bit says which. The blueprint's sample, 54:52:00, is QEMU's 52:54:00 with its first two octets swapped: that
bit is gone, and the address may belong to a real card on the same wire. An address copied from a physical
machine is one that its switch port or its owner's rules may trust.

Judged: the address of every interface: locally administered, or from a maker of hypervisors for guests that
came from elsewhere; neither multicast nor all zero, nor 54:52:00.

Fix: take `<mac>` out, so that libvirt makes a new address, and start the guest anew.

Proof: none; the addresses speak for themselves.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.nics import Nic, Nics
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity

HYPERVISORS = {
    "00:16:3e": "Xen",
    "00:50:56": "VMware",
    "00:0c:29": "VMware",
    "00:05:69": "VMware",
    "00:1c:14": "VMware",
    "00:15:5d": "Hyper-V",
    "08:00:27": "VirtualBox",
    "00:1c:42": "Parallels",
    "00:1a:4a": "oVirt",
}


def check(host: Host) -> Findings:
    nics = host.get(Nics)
    named = [nic for nic in nics.nics if nic.mac]
    for nic in named:
        yield judged(nic)
    nics.complete()
    if not named:
        yield notapplicable(HOST, "no guest has a network interface with an address")


def judged(nic: Nic) -> Finding:
    try:
        first = int(nic.mac[:2], 16)
    except ValueError:
        return unknown(nic.subject, f"{nic.mac} is not a MAC address", nic.cite(), state=nic.state)
    wrong = fault(nic.mac, first)
    if not wrong:
        return passed(nic.subject, f"{nic.mac} is {origin(nic.mac)}", nic.cite(), state=nic.state)
    document, path = Document("domain", nic.guest.name), nic.defined_at
    fix = () if path is None else (Change(document, RemoveElement(f"{path}/mac"), Safety.DISRUPTIVE),)
    return failed(nic.subject, f"{nic.mac} {wrong}", *fix, evidence=[nic.cite()], state=nic.state)


def fault(mac: str, first: int) -> str:
    """What is wrong with an address; empty where nothing is."""
    if mac == "00:00:00:00:00:00":
        return "is no address"
    if first & 1:
        return "is a multicast address"
    if mac.startswith("54:52:00"):
        return "begins with QEMU's prefix 52:54:00 the wrong way round"
    if not first & 2 and mac[:8] not in HYPERVISORS:
        return "is the address of a physical card"
    return ""


def origin(mac: str) -> str:
    maker = HYPERVISORS.get(mac[:8])
    return f"one that {maker} makes for guests" if maker else "locally administered"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("attach-guests-to-bridge",),
    check=check,
)
