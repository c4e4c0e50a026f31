"""No guest's memory lies on disk in the clear.

A saved guest, a memory dump and a snapshot with memory are the guest's whole memory in a file: passwords, keys
of the file systems that it has open, everything that its encrypted disk was to protect. libvirt makes a saved
guest also when the host shuts down, and leaves dumps where they are until somebody deletes them.

Judged: files in libvirt's directories for saved guests, dumps, guest memory and snapshots, the dump directory
of qemu.conf, and the memory files that snapshots name; those on an encrypted volume are accepted.

Fix: start the guest again, which removes a saved one; delete dumps and snapshots that are no longer needed. Let
guests be shut down rather than saved when the host goes down.

Proof: a mark that was put into a guest's memory is found in no file below /var/lib/libvirt after a host
shutdown.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.atrest import encrypted_beneath
from virtwarden.facts.leftovers import Leftover, Leftovers
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import Document, Evidence, Finding, Severity, Subject


def check(host: Host) -> Findings:
    left = host.get(Leftovers)
    for item in left.memory:
        yield judged(host, item)
    for evidence in left.unread:
        yield unknown(Subject("file", evidence.path or ""), evidence.text, evidence)
    refused = {evidence.path for evidence in left.unread}
    for place in left.looked_in:
        if place not in refused and not any(item.path.startswith(f"{place}/") for item in left.memory):
            nothing = Evidence("no memory of a guest in it", path=place)
            yield passed(Subject("directory", place), "holds no memory of a guest", nothing)


def judged(host: Host, item: Leftover) -> Finding:
    """The finding for one file."""
    subject = Subject("guest", f"{item.guest} {item.path}") if item.guest else Subject("file", item.path)
    try:
        found = encrypted_beneath(host, item.stat.real if isinstance(item.stat, Stat) else item.path)
    except (Absent, Unknown) as refused:
        return unknown(subject, f"a {item.what}; {refused}", item.evidence)
    if found is not None:
        return passed(subject, f"a {item.what} on the encrypted volume {found[0]}", item.evidence, found[1])
    steps = {
        "saved guest": f"virsh start {item.guest}, or virsh managedsave-remove {item.guest} to lose it",
        "memory of a snapshot": f"virsh snapshot-delete {item.guest} SNAPSHOT once it is not needed",
    }.get(item.what, f"rm {item.path} once it is not needed")
    change = by_hand(Document("file", item.path), steps)
    return failed(subject, f"a {item.what} in the clear", change, evidence=[item.evidence])


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("image-encryption",),
    check=check,
)
