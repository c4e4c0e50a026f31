"""Guests cannot run guests of their own, but for those that are meant to."""

from tests.kit import guest, guests, judge, made, refusing, results
from virtwarden.controls.tcb.nesting_off import CONTROL
from virtwarden.edits import InsertElement, RemoveLine, SetAttribute, SetLine
from virtwarden.facts.kernel import Value
from virtwarden.facts.modules import Modules
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.host import Unknown
from virtwarden.model import Evidence

NOW = Evidence("Y", path="/sys/module/kvm_intel/parameters/nested", line=1)
DISK = Evidence("options", path="/etc/modprobe.d/kvm.conf", line=1)
WANTED = Policy(tcb=Tcb(nested_guests=("lab-*",)))


def modules(now: str | None = None, disk: str | None = None, module: str = "kvm_intel") -> Modules:
    return Modules(
        {} if now is None else {f"{module}/nested": Value(now, NOW)},
        {},
        {} if disk is None else {f"{module}/nested": Value(disk, DISK)},
    )


def test_nesting_that_the_kernel_turned_on_by_itself_fails_in_both_states() -> None:
    now, disk, *_ = judge(CONTROL, made(modules("Y"), guests()))
    assert (now.result, now.state, disk.result, disk.state) == ("fail", "in force", "fail", "on disk")
    assert disk.fix[0].edit == SetLine("options kvm_intel nested", "0", "=")


def test_nesting_that_a_file_turns_on_fails_there() -> None:
    (_, disk) = judge(CONTROL, made(modules("1", "1", "kvm_amd"), guests()))
    assert (disk.result, disk.evidence[0].path) == ("fail", "/etc/modprobe.d/kvm.conf")


def test_a_boot_line_that_turns_it_on_counts_before_the_files() -> None:
    for said, argument in (("kvm-intel.nested=1", "kvm_intel.nested=1"), ("kvm_intel.nested", "kvm_intel.nested")):
        lines = f"linux /vmlinuz ro {said}\nlinux /vmlinuz.old ro {said}\n"
        host = made(modules("N", "0"), guests(), files={"/boot/grub/grub.cfg": lines})
        finding, *others = judge(CONTROL, host)
        assert (finding.result, finding.fix[0].edit) == ("fail", RemoveLine(argument))
        assert [other.result for other in others] == ["pass", "pass"]
    off = {"/boot/grub/grub.cfg": "linux /vmlinuz ro kvm_intel.nested=0\n"}
    assert results(CONTROL, made(modules("N", "0"), guests(), files=off)) == ["pass", "pass"]
    wanted = {"/boot/grub/grub.cfg": "linux /vmlinuz ro kvm_intel.nested=1\n"}
    assert results(CONTROL, made(modules("Y", "1"), guests(), WANTED, files=wanted)) == ["pass", "pass"]


def test_nesting_off_passes() -> None:
    assert results(CONTROL, made(modules("N", "0"), guests())) == ["pass", "pass"]
    assert results(CONTROL, made(modules("0"), guests())) == ["pass", "pass"]


def test_an_image_is_judged_by_its_options() -> None:
    image = Modules({}, {"kvm_intel/nested": "an image does not run"}, {"kvm_intel/nested": Value("0", DISK)})
    assert results(CONTROL, made(image)) == ["unknown", "pass"]
    assert results(CONTROL, made(modules(None, "0"))) == ["pass"]
    assert results(CONTROL, made(modules(None, "1"))) == ["fail"]


def test_a_policy_with_nested_guests_accepts_the_module_and_judges_the_guests() -> None:
    lab = guest(name="lab-1", extra="<cpu mode='host-passthrough'/>")
    web = guest(extra="<cpu mode='host-passthrough'/>")
    findings = judge(CONTROL, made(modules("Y", "1"), guests(lab, web), WANTED))
    assert [finding.result for finding in findings] == ["pass", "pass", "pass", "fail"]
    edit = findings[-1].fix[0].edit
    assert edit == InsertElement("cpu", "<feature policy='disable' name='vmx'/>")


def test_a_feature_decides_over_the_mode() -> None:
    hidden = guest(extra="<cpu mode='host-model'><feature policy='disable' name='svm'/></cpu>")
    shown = guest(name="db", extra="<cpu mode='custom'><model>EPYC</model><feature name='svm'/></cpu>")
    findings = judge(CONTROL, made(modules("1", None, "kvm_amd"), guests(hidden, shown), WANTED))
    assert [finding.result for finding in findings] == ["pass", "pass", "pass", "fail"]
    assert findings[-1].fix[0].edit == SetAttribute("cpu/feature[@name='svm']", "policy", "disable")


def test_named_processors_and_emulated_guests_cannot_nest() -> None:
    plain = guest()
    emulated = guest(name="old", kind="qemu", extra="<cpu mode='host-model'/>")
    assert results(CONTROL, made(modules("Y", "1"), guests(plain, emulated), WANTED)) == ["pass"] * 4


def test_guests_that_cannot_be_read_are_unknown_and_a_host_without_libvirt_has_none() -> None:
    refused = made(modules("Y", "1"), WANTED, stats={"/usr/sbin/libvirtd": Unknown("denied")})
    assert results(CONTROL, refused) == ["pass", "pass", "unknown"]
    assert results(CONTROL, made(modules("Y", "1"), WANTED)) == ["pass", "pass"]


def test_options_that_cannot_be_read_are_unknown_beside_what_holds_now() -> None:
    unread = Modules({"kvm_intel/nested": Value("N", NOW)}, {}, {}, "denied")
    assert results(CONTROL, made(unread, guests())) == ["pass", "unknown"]


def test_a_host_without_kvm_is_not_judged() -> None:
    assert results(CONTROL, made(Modules())) == ["notapplicable"]
    other = Modules({"vfio/enable_unsafe_noiommu_mode": Value("N", NOW)})
    assert results(CONTROL, made(other)) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
