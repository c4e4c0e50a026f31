"""An IOMMU stands between memory and every device that a guest has.

A device reads and writes memory by itself. Given to a guest without an IOMMU, or with one whose interrupts or
groups are not kept apart, it reads and writes the host's memory for the guest, past every other wall.

Judged: for each guest that has a device of the host (a PCI or mediated one, an NVMe disk by its address, a virtual
function by way of a network), whether the kernel keeps groups of devices apart, and the parameters of vfio that
give that up, now and for its next load: `enable_unsafe_noiommu_mode` and `allow_unsafe_interrupts`. Where no guest
has a device, there is nothing to judge.

Fix: turn VT-d or AMD-Vi on in the firmware, `intel_iommu=on` on the boot line, and the options of vfio off.

Proof: /sys/kernel/iommu_groups shows the device in a group of its own, and `virt-host-validate` passes the IOMMU.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.domain import Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.iommu import Iommu
from virtwarden.facts.modules import OWN_MODULES_FILE, Modules, is_true
from virtwarden.facts.networks import Networks
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

UNSAFE = ("vfio/enable_unsafe_noiommu_mode", "vfio_iommu_type1/allow_unsafe_interrupts")
BOOT = by_hand(
    Document("file", "/etc/default/grub"),
    "turn VT-d or AMD-Vi on in the firmware's set-up, add intel_iommu=on to the boot line, and reboot",
)


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    networks = lending(host)
    holders = {
        guest.name: found for guest in guests.guests if (found := passed_through(guest.definitions, networks))
    }
    for name, lines in holders.items():
        yield from judged(host, Subject("guest", name), lines)
    if holders:
        yield from of_vfio(host.get(Modules))
    guests.complete()
    if not holders:
        yield notapplicable(HOST, "no guest has a device of the host")


def judged(host: Host, subject: Subject, lines: list[Evidence]) -> Findings:
    """The finding on one guest with devices."""
    try:
        iommu = host.get(Iommu)
    except (Absent, Unknown) as refused:
        yield unknown(subject, f"whether an IOMMU is in use: {refused}", *lines, state=State.IN_FORCE)
        return
    if iommu.groups:
        message = f"an IOMMU keeps {iommu.groups} groups of devices apart"
        yield passed(subject, message, *lines, iommu.cite(), state=State.IN_FORCE)
    else:
        message = "it has a device of the host, and no IOMMU is in use"
        yield failed(subject, message, BOOT, evidence=[*lines, iommu.cite()], state=State.IN_FORCE)


def of_vfio(modules: Modules) -> Findings:
    """The findings on what vfio was told to do without."""
    for name in UNSAFE:
        module, _, parameter = name.partition("/")
        subject = Subject("module", module)
        yield from at_load(modules, subject, name)
        try:
            now = modules.parameter(name)
        except Absent:
            continue
        except Unknown as refused:
            yield unknown(subject, str(refused), state=State.IN_FORCE)
            continue
        if is_true(now.value):
            steps = f"take {parameter} out of /etc/modprobe.d and the boot line, then reboot"
            fix = by_hand(Document("file", "/etc/modprobe.d"), steps)
            yield failed(subject, f"{parameter} is on", fix, evidence=[now.evidence], state=State.IN_FORCE)
        else:
            yield passed(subject, f"{parameter} is off", now.evidence, state=State.IN_FORCE)


def at_load(modules: Modules, subject: Subject, name: str) -> Findings:
    """The finding on what a file has vfio do without, if one does."""
    try:
        option = modules.option(name)
    except Unknown as refused:
        yield unknown(subject, str(refused), state=State.ON_DISK)
        return
    if option is not None and is_true(option.value):
        module, _, parameter = name.partition("/")
        fix = file_change(OWN_MODULES_FILE, SetLine(f"options {module} {parameter}", "0", "="))
        yield failed(subject, f"{parameter} is turned on", fix, evidence=[option.evidence], state=State.ON_DISK)


def lending(host: Host) -> frozenset[str]:
    """The networks that give guests virtual functions of a card; none where they cannot be read."""
    try:
        networks = host.get(Networks)
    except (Absent, Unknown):
        return frozenset()
    known = (*networks.on_disk.values(), *networks.in_force.values())
    return frozenset(network.name for network in known if network.kind == "hostdev")


def passed_through(definitions: tuple[Definition, ...], networks: frozenset[str]) -> list[Evidence]:
    """The lines of devices of the host."""
    return [
        definition.cite(line_of(element))
        for definition in definitions
        for path in ("devices/hostdev", "devices/interface", "devices/disk")
        for element in definition.xml.iterfind(path)
        if is_of_host(element, networks)
    ]


def is_of_host(element: Element, networks: frozenset[str]) -> bool:
    """Whether a device speaks to the host's memory by itself."""
    kind = element.get("type")
    if element.tag == "hostdev":
        return kind in ("pci", "mdev")
    if element.tag == "disk":
        return kind == "nvme"
    source = element.find("source")
    return kind == "hostdev" or (source is not None and source.get("network") in networks)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
