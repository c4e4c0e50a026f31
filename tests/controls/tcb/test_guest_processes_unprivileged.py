"""Every running guest's QEMU process is without privileges, sandboxed, and in a mount namespace of its own."""

from dataclasses import replace

from tests.kit import NOW, entry, guest, guests, judge, made, refusing, results
from virtwarden.controls.tcb.guest_processes_unprivileged import CONTROL
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.host import Host, Text
from virtwarden.model import Evidence

STATUS = """Name:\tqemu-system-x86
Umask:\t0002
Uid:\t64055\t64055\t64055\t64055
Gid:\t104\t104\t104\t104
CapInh:\t0000000000000000
CapEff:\t0000000000000000
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t1
"""
SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
CMDLINE = f"/usr/bin/qemu-system-x86_64\0-name\0guest=web,debug-threads=on\0-sandbox\0{SANDBOX}\0-msg\0on\0"


def process(status: str = STATUS, cmdline: str = CMDLINE, namespace: str = "4:4026532300") -> GuestProcess:
    texts = {
        name: Text(f"/proc/4321/{name}", text, NOW) for name, text in (("status", status), ("cmdline", cmdline))
    }
    return GuestProcess("web", 4321, texts, {"ns/mnt": entry("/proc/4321/ns/mnt", inode=namespace)}, {})


def host_of(found: GuestProcess, namespace: str | None = "4:4026531841") -> Host:
    return made(guests(guest(running=True)), GuestProcesses({"web": found}, namespace))


def test_a_process_as_libvirt_starts_it_passes_with_its_evidence() -> None:
    (finding,) = judge(CONTROL, host_of(process()))
    assert (finding.result, finding.state) == ("pass", "in force")
    assert [evidence.line for evidence in finding.evidence] == [3, 4, 6, 7, 8, None, None]


def test_each_privilege_fails() -> None:
    for right, wrong, words in (
        ("64055\t64055\t64055\t64055", "0\t0\t0\t0", "runs as user root"),
        ("104\t104\t104\t104", "104\t0\t0\t0", "runs as group root"),
        ("CapEff:\t0000000000000000", "CapEff:\t0000000000020000", "has capabilities 0000000000020000"),
        ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "may gain new privileges"),
        ("Seccomp:\t2", "Seccomp:\t0", "has no seccomp filter"),
    ):
        (finding,) = judge(CONTROL, host_of(process(STATUS.replace(right, wrong))))
        assert (finding.result, finding.message) == ("fail", f"process 4321: {words}")
        assert finding.fix[0].document.name == "web"


def test_the_hosts_own_mount_namespace_fails() -> None:
    (finding,) = judge(CONTROL, host_of(process(namespace="4:4026531841")))
    assert (finding.result, finding.message) == ("fail", "process 4321: shares the host's mount namespace")


def test_a_command_line_without_a_sandbox_fails() -> None:
    for cmdline in (
        "/usr/bin/qemu-kvm\0-S\0",
        "/usr/bin/qemu-kvm\0-sandbox\0",
        "/usr/bin/qemu-kvm\0-sandbox\0off\0",
    ):
        (finding,) = judge(CONTROL, host_of(process(cmdline=cmdline)))
        assert (finding.result, finding.message) == ("fail", "process 4321: was started without -sandbox on")


def test_an_old_kernel_that_does_not_tell_is_unknown_and_what_it_tells_still_fails() -> None:
    old = "Name:\tqemu-kvm\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nCapEff:\t0000000000000000\n"
    failing, unknown = judge(CONTROL, host_of(process(old)))
    assert (failing.result, unknown.result) == ("fail", "unknown")
    assert "status has no Seccomp" in unknown.message


def test_what_the_kernel_refuses_is_unknown() -> None:
    assert results(CONTROL, host_of(process(), namespace=None)) == ["unknown"]
    assert results(CONTROL, host_of(replace(process(), links={}, refusals={"ns/mnt": "denied"}))) == ["unknown"]


def test_a_running_guest_without_a_known_process_is_unknown() -> None:
    assert results(CONTROL, made(guests(guest(running=True)), GuestProcesses({}, "4:1"))) == ["unknown"]


def test_guests_that_do_not_run_or_ended_meanwhile_are_not_judged() -> None:
    assert results(CONTROL, made(guests(guest()), GuestProcesses({}, "4:1"))) == ["notapplicable"]
    ended = GuestProcesses({}, "4:1", frozenset({"web"}))
    assert results(CONTROL, made(guests(guest(running=True), guest(name="db")), ended)) == []


def test_a_definition_that_could_not_be_read_is_unknown() -> None:
    unread = Guests((guest(running=True),), (Evidence("denied", path="/run/libvirt/qemu/db.xml"),))
    found = GuestProcesses({"web": process()}, "4:1")
    assert results(CONTROL, made(unread, found)) == ["pass", "unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
