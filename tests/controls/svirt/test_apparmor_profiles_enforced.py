"""AppArmor's profiles of libvirt and of every running guest are in enforce mode."""

from dataclasses import replace

from tests.kit import guest, guests, judge, made, results
from tests.svirthost import NOTHING, SELINUX, UUID, apparmor, seclabel
from virtwarden.controls.svirt.apparmor_profiles_enforced import CONTROL
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.policy import Policy, Svirt
from virtwarden.model import Evidence

OWN = f"libvirt-{UUID}"
RUNNING = guests(guest(running=True), guest(name="idle"))


def test_profiles_that_enforce_pass() -> None:
    profiles = {"libvirtd": "enforce", "virt-aa-helper": "enforce", OWN: "enforce", "x": "complain"}
    found = judge(CONTROL, made(RUNNING, apparmor(profiles)))
    assert [f.result for f in found] == ["pass"] * 3
    assert [f.subject.name for f in found] == ["libvirtd", "virt-aa-helper", "web"]


def test_complaining_profiles_fail_by_whatever_name_they_have() -> None:
    profiles = {
        "/usr/sbin/virtqemud": "complain",
        "/usr/{lib,lib64}/libvirt/virt-aa-helper": "complain",
        "libvirtd//qemu_bridge_helper": "complain",
        OWN: "complain",
    }
    found = judge(CONTROL, made(RUNNING, apparmor(profiles)))
    assert [f.result for f in found] == ["fail"] * 4
    assert found[2].fix[0].edit.steps == "aa-enforce libvirtd"  # type: ignore[union-attr]
    assert found[3].message == f"profile {OWN} is in complain mode"


def test_a_running_guest_without_a_profile_fails() -> None:
    *_, finding = judge(CONTROL, made(RUNNING, apparmor({"libvirtd": "enforce"})))
    assert (finding.result, finding.message) == ("fail", f"its AppArmor profile {OWN} is not loaded")
    assert finding.evidence[0].path == "/sys/kernel/security/apparmor/profiles"


def test_the_profile_of_a_static_label_counts() -> None:
    member = guest(extra=seclabel("web-guest", kind="static", model="apparmor"), running=True)
    assert results(CONTROL, made(guests(member), apparmor({"web-guest": "kill"}))) == ["pass"]


def test_guests_that_may_be_unconfined_are_left_out() -> None:
    policy = replace(Policy(), svirt=Svirt(unconfined_guests=("w*",)))
    assert results(CONTROL, made(RUNNING, apparmor(), policy)) == []


def test_other_hosts_are_not_judged() -> None:
    assert results(CONTROL, made(RUNNING, SELINUX)) == ["notapplicable"]
    assert results(CONTROL, made(RUNNING, NOTHING)) == ["notapplicable"]


def test_what_cannot_be_told_is_unknown() -> None:
    unlisted = Confinement("apparmor", Evidence("Y"), None, "permission denied")
    assert results(CONTROL, made(RUNNING, unlisted)) == ["unknown"]
    blind = replace(guests(guest()), liveness="an image does not tell")
    assert results(CONTROL, made(blind, apparmor({"libvirtd": "enforce"}))) == ["pass", "unknown"]
