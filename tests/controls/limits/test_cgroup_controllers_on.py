"""Guests are in control groups of their own, with all controllers that libvirt can use."""

from dataclasses import replace

from tests.kit import guest, guests, judge, made, results
from tests.limitshost import IN_RHEL6, IN_V1, IN_V2, grouped, host
from virtwarden.controls.limits.cgroup_controllers_on import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.facts.qemu_conf import CONTROLLERS, QemuConf
from virtwarden.model import State

RUNNING = guest(running=True)


def test_the_default_and_the_whole_list_pass() -> None:
    assert results(CONTROL, host(facts=(QemuConf(),))) == ["pass"]
    assert results(CONTROL, host(facts=(QemuConf(cgroup_controllers=(*CONTROLLERS, "freezer")),))) == ["pass"]


def test_a_list_that_leaves_some_out_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, host(facts=(QemuConf(cgroup_controllers=("cpu", "cpuset", "cpuacct")),)))
    assert (finding.result, finding.state) == ("fail", State.ON_DISK)
    assert finding.message == "libvirt leaves out devices, memory, blkio"
    assert finding.fix[0].edit == SetConf("cgroup_controllers", CONTROLLERS)


def test_processes_in_groups_of_their_own_pass_in_every_version() -> None:
    for cgroup in (IN_V2, IN_V1, IN_RHEL6, "0::/machine/qemu-1-web.libvirt-qemu\n"):
        found = judge(CONTROL, host(RUNNING, facts=(QemuConf(), grouped(cgroup))))
        assert [finding.result for finding in found] == ["pass", "pass"], cgroup
        assert found[1].evidence[0].path == "/proc/4321/cgroup"


def test_a_process_in_the_daemons_group_fails() -> None:
    for path in ("/system.slice/libvirtd.service", "/system.slice/virtqemud.service", "/"):
        _, finding = judge(CONTROL, host(RUNNING, facts=(QemuConf(), grouped(f"0::{path}\n"))))
        assert (finding.result, finding.state) == ("fail", State.IN_FORCE)
        assert f"its process is in {path}" in finding.message


def test_one_controller_without_the_guest_fails_and_is_named() -> None:
    cgroup = IN_V1.replace("5:devices:/machine.slice", "5:devices:/system.slice/libvirtd.service\n13:x:")
    _, finding = judge(CONTROL, host(RUNNING, facts=(QemuConf(), grouped(cgroup))))
    assert finding.message.endswith("for devices")
    assert [evidence.line for evidence in finding.evidence] == [3]


def test_what_cannot_be_looked_at_is_unknown() -> None:
    gone = GuestProcesses({})
    refused = GuestProcesses({"web": GuestProcess("web", 4321, {}, {}, {"cgroup": "permission denied"})})
    for processes in (gone, refused, grouped("2:pids:/\n")):
        assert results(CONTROL, host(RUNNING, facts=(QemuConf(), processes))) == ["pass", "unknown"]


def test_what_runs_may_be_unknown() -> None:
    members = replace(guests(guest()), liveness="an image does not tell")
    assert results(CONTROL, made(members, QemuConf())) == ["pass", "unknown"]
