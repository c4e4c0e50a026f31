"""No guest sends raw SCSI commands to a device of the host.

With `device='lun'`, `rawio` or an unfiltered `sgio` the guest speaks to the disk itself. It can write firmware,
change the disk's mode pages, lock it or reserve it against all other users, and on a partition or a logical
volume it reaches blocks beyond its own. `rawio='yes'` also gives the whole QEMU process the capability
CAP_SYS_RAWIO, with which it opens far more than this disk.

Judged: `device`, `rawio` and `sgio` of each disk and of each SCSI host device, on disk and in force.

Fix: `rawio='no'` and `sgio='filtered'`; whether a guest can do with a plain disk instead of a LUN, as clusters
with persistent reservations cannot, a person has to say.

Proof: in the guest `sg_modes` and `sg_write_buffer` on the disk are refused.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetAttribute
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed
from virtwarden.model import Change, Document, Safety, Severity, Subject

ELEMENTS = ("disk", "hostdev")


def check(host: Host) -> Findings:
    for guest in host.get(Guests):
        for definition in guest.definitions:
            found = [(name, item) for name in ELEMENTS for item in judged(guest, definition, name)]
            for _, (message, line, changes) in found:
                cited = definition.cite(line)
                subject = Subject("guest", guest.name)
                yield failed(subject, message, *changes, evidence=[cited], state=definition.state)
            if not found:
                cited = definition.cite(definition.line("devices"), "no lun, rawio or unfiltered sgio")
                message = "it sends no raw SCSI commands"
                yield passed(Subject("guest", guest.name), message, cited, state=definition.state)


def judged(guest: Guest, definition: Definition, name: str) -> Iterator[tuple[str, int, list[Change]]]:
    """What is wrong with each element of this name: words, line and what would help."""
    for number, element in enumerate(definition.xml.iterfind(f"devices/{name}"), 1):
        path = f"devices/{name}[{number}]"
        wrong = [f"{key}='{value}'" for key, value in BAD if element.get(key) == value]
        if not wrong:
            continue
        document = Document("domain", guest.name)
        what = _title(element)
        yield f"{what} has {' and '.join(wrong)}", line_of(element), [*_changes(document, path, element, what)]


BAD = (("device", "lun"), ("rawio", "yes"), ("sgio", "unfiltered"))


def _changes(document: Document, path: str, element: Element, what: str) -> Iterator[Change]:
    if element.get("rawio") == "yes":
        yield Change(document, SetAttribute(path, "rawio", "no"), Safety.DISRUPTIVE)
    if element.get("sgio") == "unfiltered":
        yield Change(document, SetAttribute(path, "sgio", "filtered"), Safety.DISRUPTIVE)
    if element.get("device") == "lun":
        steps = f"virsh edit {document.name}: device='disk' on {what}, if the guest needs no SCSI reservations"
        yield by_hand(document, steps)


def _title(element: Element) -> str:
    target = element.find("target")
    return f"disk {target.get('dev')}" if target is not None else f"its {element.get('type')} host device"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    check=check,
)
