"""Only named administrators are in groups that are as good as root."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.privileged_groups_reviewed import CONTROL
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.host import Host

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"
    "bob:x:1001:107::/home/bob:/bin/bash\nlibvirt-qemu:x:64055:104:,,,:/var/lib/libvirt:/usr/sbin/nologin\n"
)
GROUP = "root:x:0:\nkvm:x:104:\nlibvirt:x:107:alice,root\nusers:x:100:alice\n"
SWITCH = "passwd: files sss\ngroup: files [SUCCESS=merge] sss  # directory\n"


def host_of(*administrators: str, group: str = GROUP, switch: str = "group: files systemd\n") -> Host:
    files = {"/etc/passwd": PASSWD, "/etc/group": group, "/etc/nsswitch.conf": switch}
    return made(Policy(tcb=Tcb(administrators=administrators)), files=files)


def test_members_who_are_no_administrators_fail_primary_ones_too() -> None:
    libvirt, kvm = judge(CONTROL, host_of())
    assert (libvirt.result, libvirt.message) == ("fail", "bob, alice can become root through it")
    assert [(e.path, e.line) for e in libvirt.evidence] == [("/etc/passwd", 3), ("/etc/group", 3)]
    assert (kvm.result, str(kvm.subject)) == ("pass", "group kvm")


def test_named_administrators_pass() -> None:
    assert results(CONTROL, host_of("alice", "bob")) == ["pass", "pass"]


def test_members_from_a_directory_that_was_not_asked_are_unknown() -> None:
    assert results(CONTROL, host_of("alice", "bob", switch=SWITCH)) == ["pass", "pass", "unknown"]


def test_a_host_without_such_groups_is_not_judged() -> None:
    assert results(CONTROL, host_of(group="root:x:0:\n")) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
