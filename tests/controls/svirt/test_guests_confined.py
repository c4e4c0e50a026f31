"""Every guest is confined, and its process has the label that its XML says."""

from dataclasses import replace

import pytest

from tests.kit import domain, guest, guests, judge, made, results
from tests.svirthost import NOTHING, PROCESS, SELINUX, UUID, apparmor, labelled, processes, seclabel, transient
from virtwarden.controls.svirt.guests_confined import CONTROL
from virtwarden.edits import RemoveElement, SetConf
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.domain import Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy, Svirt
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Fact, Unknown
from virtwarden.model import Evidence, Finding, State

OWN = f"libvirt-{UUID}"


def on_disk(extra: str, *facts: Fact) -> Finding:
    (finding,) = judge(CONTROL, made(guests(guest(extra=extra)), *(facts or (QemuConf(),))))
    assert finding.state is State.ON_DISK
    return finding


def in_force(member: Guest, label: str, confinement: Confinement = SELINUX) -> Finding:
    *_, finding = judge(CONTROL, made(guests(member), QemuConf(), confinement, processes(label)))
    assert finding.state is State.IN_FORCE
    return finding


def static(label: str, model: str = "selinux") -> Guest:
    return guest(extra=seclabel(label, kind="static", model=model), running=True)


def test_a_guest_whose_xml_says_nothing_goes_by_libvirts_default() -> None:
    assert on_disk("").result == "pass"
    finding = on_disk("", QemuConf(security_default_confined=False))
    assert finding.message == "its XML does not say, and libvirt confines no guest unless told"
    assert finding.fix[0].edit == SetConf("security_default_confined", 1)
    untyped = "<seclabel model='selinux'/>"
    assert on_disk(untyped, QemuConf(security_default_confined=False)).result == "fail"


def test_a_label_of_its_own_needs_no_default() -> None:
    for extra in (seclabel(), seclabel(model="apparmor"), seclabel(PROCESS, kind="static")):
        assert on_disk(extra, QemuConf(security_default_confined=False)).result == "pass"


def test_without_qemu_conf_the_default_is_not_known() -> None:
    libvirt = Libvirt(frozenset({"libvirtd"}), modular=False)
    refusing = made(guests(guest()), libvirt, files={"/etc/libvirt/qemu.conf": Unknown("permission denied")})
    assert results(CONTROL, refusing) == ["unknown"]


@pytest.mark.parametrize(
    "extra", ["<seclabel type='none'/>", seclabel(kind="none"), seclabel(kind="none", model="apparmor")]
)
def test_xml_that_takes_a_guest_out_fails(extra: str) -> None:
    finding = on_disk(extra)
    assert (finding.result, finding.message) == ("fail", "its XML takes it out of confinement")
    edit = finding.fix[0].edit
    assert isinstance(edit, RemoveElement)
    assert edit.path.startswith("seclabel[@type='none']")


def test_a_label_of_file_owners_is_none_of_this() -> None:
    assert on_disk(seclabel(kind="none", model="dac")).result == "pass"
    both = seclabel("+107:+107", kind="static", model="dac") + seclabel("a:b:unconfined_t:s0", kind="static")
    finding = on_disk(both)
    assert finding.message == "its XML gives it the type unconfined_t, which is no type for guests"
    assert finding.fix[0].edit == RemoveElement("seclabel[@type='static'][@model='selinux']")


def test_a_process_with_its_own_label_passes() -> None:
    finding = in_force(labelled(), PROCESS)
    assert (finding.result, finding.evidence[0].path) == ("pass", "/proc/4321/attr/current")
    assert in_force(guest(running=True), PROCESS).result == "pass"


def test_the_type_of_emulated_guests_is_for_those_alone() -> None:
    emulated = PROCESS.replace("svirt_t", "svirt_tcg_t")
    assert in_force(labelled(emulated, kind="qemu"), emulated).result == "pass"
    assert in_force(labelled(emulated), emulated).result == "fail"
    assert in_force(labelled(kind="qemu"), PROCESS).result == "pass"


def test_a_guest_that_is_defined_nowhere_is_judged_as_it_runs() -> None:
    member = transient(domain(extra=seclabel(PROCESS)))
    (finding,) = judge(CONTROL, made(guests(member), QemuConf(), SELINUX, processes(PROCESS)))
    assert (finding.result, finding.state) == ("pass", State.IN_FORCE)


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (
            "system_u:system_r:virtd_t:s0-s0:c0.c1023",
            "its process runs as virtd_t, which is no type for a guest like it",
        ),
        ("system_u:system_r:qemu_t:s0:c1,c2", "its process runs as qemu_t, which is no type for a guest like it"),
        (
            "system_u:system_r:svirt_tcg_t:s0:c392,c662",
            "its process runs as svirt_tcg_t, which is no type for a guest like it",
        ),
        (
            "system_u:system_r:svirt_t:s0:c1,c2",
            f"its process runs as system_u:system_r:svirt_t:s0:c1,c2, its XML says {PROCESS}",
        ),
        ("unconfined", "its process has the label unconfined, which is none of SELinux"),
    ],
)
def test_a_process_with_another_label_fails(label: str, message: str) -> None:
    finding = in_force(labelled(), label)
    assert (finding.result, finding.message) == ("fail", message)


def test_a_drawn_label_has_two_categories() -> None:
    for level, shown in (("s0", "none"), ("s0:c4", "c4"), ("s0:c0.c1023", "c0.c1023")):
        label = f"system_u:system_r:svirt_t:{level}"
        finding = in_force(labelled(label), label)
        assert finding.message == f"its process has the categories {shown}, not two of its own"


def test_static_labels_may_be_otherwise_but_of_guests() -> None:
    for label in ("a:b:svirt_t:s0:c1", "a:b:my_svirt_t:s0:c1,c2,c3"):
        assert in_force(static(label), label).result == "pass"
    assert in_force(static("a:b:unconfined_t:s0"), "a:b:unconfined_t:s0").result == "fail"


def test_a_base_label_names_another_type() -> None:
    inside = "<baselabel>system_u:system_r:svirt_lab_t:s0</baselabel>"
    label = PROCESS.replace("svirt_t", "lab_t")
    member = guest(extra=seclabel(label, inside=inside.replace("svirt_lab_t", "lab_t")), running=True)
    assert in_force(member, label).result == "pass"
    odd = guest(extra=seclabel(label, inside="<baselabel>::</baselabel>"), running=True)
    assert in_force(odd, label).result == "fail"


@pytest.mark.parametrize(
    ("label", "result"),
    [
        (f"{OWN} (enforce)", "pass"),
        (f"{OWN} (kill)", "pass"),
        (f"{OWN} (complain)", "fail"),
        ("unconfined", "fail"),
        ("libvirt-99999999-2222-3333-4444-555555555555 (enforce)", "fail"),
        ("/usr/sbin/libvirtd (enforce)", "fail"),
    ],
)
def test_apparmor_holds_a_guest_to_its_own_profile(label: str, result: str) -> None:
    assert in_force(guest(running=True), label, apparmor()).result == result


def test_apparmors_static_profile_is_its_own() -> None:
    assert in_force(static("web-guest", "apparmor"), "web-guest (enforce)", apparmor()).result == "pass"


def test_a_kernel_that_confines_nothing_fails_though_there_is_no_label_to_read() -> None:
    unlabelled = GuestProcesses({"web": GuestProcess("web", 4321, {}, {}, {"attr/current": "invalid argument"})})
    host = made(guests(guest(running=True)), QemuConf(), NOTHING, unlabelled)
    finding = judge(CONTROL, host)[1]
    assert (finding.result, finding.message) == ("fail", "the kernel confines nothing")
    assert finding.evidence == (NOTHING.evidence,)
    confined = made(guests(guest(running=True)), QemuConf(), SELINUX, unlabelled)
    assert results(CONTROL, confined) == ["pass", "unknown"]


def test_a_process_that_is_not_there_is_unknown() -> None:
    host = made(guests(guest(running=True)), QemuConf(), SELINUX, GuestProcesses({}))
    assert results(CONTROL, host) == ["pass", "unknown"]


def test_guests_that_may_be_unconfined_are_not_judged() -> None:
    policy = replace(Policy(), svirt=Svirt(unconfined_guests=("web",)))
    assert results(CONTROL, made(guests(guest(extra="<seclabel type='none'/>")), policy)) == ["notapplicable"]


def test_no_guests_and_unknown_guests() -> None:
    assert results(CONTROL, made(guests())) == ["notapplicable"]
    assert results(CONTROL, made(Guests(unread=(Evidence("denied", path="/x"),)))) == ["unknown"]
    blind = replace(guests(guest()), liveness="an image does not tell")
    assert results(CONTROL, made(blind, QemuConf())) == ["pass", "unknown"]
