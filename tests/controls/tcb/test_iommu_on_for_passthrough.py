"""An IOMMU stands between memory and every device that a guest has."""

from tests.kit import guest, guests, judge, made, refusing, results
from tests.nethost import LIBVIRT
from virtwarden.controls.tcb.iommu_on_for_passthrough import CONTROL
from virtwarden.edits import SetLine
from virtwarden.facts.guests import Guests
from virtwarden.facts.iommu import Iommu
from virtwarden.facts.kernel import Value
from virtwarden.facts.modules import Modules
from virtwarden.host import Unknown
from virtwarden.model import Evidence

PCI = (
    "<hostdev mode='subsystem' type='pci' managed='yes'>"
    "<source><address domain='0' bus='1' slot='0' function='0'/></source></hostdev>"
)
USB = "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1'/></source></hostdev>"
VF = "<interface type='hostdev'><mac address='52:54:00:00:00:01'/></interface>"


def vfio(unsafe: str) -> Modules:
    evidence = Evidence(unsafe, path="/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts", line=1)
    return Modules({"vfio_iommu_type1/allow_unsafe_interrupts": Value(unsafe, evidence)})


def test_a_device_without_an_iommu_fails() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(PCI)), Iommu(0), Modules()))
    assert (finding.result, finding.subject.name) == ("fail", "web")
    assert finding.evidence[0].text.startswith("<hostdev")


def test_a_device_behind_an_iommu_passes() -> None:
    assert results(CONTROL, made(guests(guest(PCI), guest(VF, name="db")), Iommu(40), vfio("N"))) == ["pass"] * 3


def test_what_vfio_was_told_to_do_without_fails() -> None:
    assert results(CONTROL, made(guests(guest(PCI)), Iommu(40), vfio("Y"))) == ["pass", "fail"]


def test_what_a_file_has_vfio_do_without_fails_before_it_is_loaded() -> None:
    def told(value: str) -> Modules:
        cited = Evidence(f"options {value}", path="/etc/modprobe.d/vfio.conf", line=1)
        return Modules(options={"vfio_iommu_type1/allow_unsafe_interrupts": Value(value, cited)})

    _, disk = judge(CONTROL, made(guests(guest(PCI)), Iommu(40), told("1")))
    edit = SetLine("options vfio_iommu_type1 allow_unsafe_interrupts", "0", "=")
    assert (disk.result, disk.state, disk.fix[0].edit) == ("fail", "on disk", edit)
    assert results(CONTROL, made(guests(guest(PCI)), Iommu(40), told("0"))) == ["pass"]
    assert results(CONTROL, made(guests(guest(PCI)), Iommu(40), Modules(refusal="denied"))) == [
        "pass", "unknown", "unknown",
    ]  # fmt: skip


def test_a_network_may_lend_a_function_and_a_disk_may_be_a_device() -> None:
    nvme = "<disk type='nvme' device='disk'><source type='pci' managed='yes'/><target dev='vda'/></disk>"
    lent = "<interface type='network'><source network='functions'/></interface>"
    network = "<network><name>functions</name><forward mode='hostdev'><pf dev='eth0'/></forward></network>"
    for devices in (nvme, lent):
        host = made(
            LIBVIRT, guests(guest(devices)), Iommu(0), Modules(),
            files={"/etc/libvirt/qemu/networks/functions.xml": network},
        )  # fmt: skip
        assert results(CONTROL, host) == ["fail"]
    other = (
        "<disk type='file'><source file='/x'/></disk><interface type='network'><source network='x'/></interface>"
    )
    assert results(CONTROL, made(LIBVIRT, guests(guest(other)))) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    unread = Modules({}, {"vfio/enable_unsafe_noiommu_mode": "denied"})
    host = made(guests(guest(PCI)), unread, files={"/sys/kernel/iommu_groups/*": Unknown("denied")})
    assert results(CONTROL, host) == ["unknown", "unknown"]


def test_guests_without_such_devices_are_not_judged() -> None:
    assert results(CONTROL, made(guests(guest(USB)))) == ["notapplicable"]
    unread = Guests((), (Evidence("denied", path="/etc/libvirt/qemu/db.xml"),))
    assert results(CONTROL, made(unread)) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
