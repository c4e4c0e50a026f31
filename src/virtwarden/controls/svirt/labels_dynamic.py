"""libvirt draws the labels of guests, and restores them.

A static label has to be kept unique, put on every image by hand, and kept there through every relabel; the
blueprint's recipe uses `chcon`, which the next relabel undoes, and an `<imagelabel>` that libvirt ignores as
input. A static label without `relabel='yes'` leaves the labelling of images to the administrator altogether.

Judged: the SELinux and AppArmor labels in each guest's XML, on disk if it is there.

Fix: remove the static `<seclabel>`; libvirt draws a label at the next start and labels the images.

Proof: after the next start process and images have the same two categories, drawn by libvirt.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.domain import Definition, Guest, Seclabel
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, Subject


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    if not guests.guests:
        guests.complete()
        yield notapplicable(HOST, "there are no guests")
        return
    for guest in guests:
        yield _judged(guest, guest.definitions[0])


def _judged(guest: Guest, definition: Definition) -> Finding:
    subject = Subject("guest", guest.name)
    labels = [label for label in definition.seclabels if label.model in (None, "selinux", "apparmor")]
    static = [label for label in labels if label.kind == "static"]
    if not static:
        return passed(subject, "libvirt draws its label", _cited(definition, labels), state=definition.state)
    model = f"[@model='{static[0].model}']" if static[0].model else ""
    edit = RemoveElement(f"seclabel[@type='static']{model}")
    change = Change(Document("domain", guest.name), edit, Safety.DISRUPTIVE)
    kept = "" if static[0].relabel else " and libvirt does not label its images"
    message = f"its label {static[0].label or 'of a static kind'} is static{kept}"
    return failed(subject, message, change, evidence=[definition.cite(static[0].line)], state=definition.state)


def _cited(definition: Definition, labels: list[Seclabel]) -> Evidence:
    return definition.cite(labels[0].line) if labels else definition.cite(text="no seclabel: libvirt draws one")


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.LOW, sections=("svirt-static-labels",), check=check
)
