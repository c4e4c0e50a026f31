"""SSH keys of accounts that may manage guests are restricted to that."""

from collections.abc import Mapping

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.remote.ssh_keys_restricted import CONTROL
from virtwarden.edits import Do
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Absent, Host, Unknown
from virtwarden.model import Document
from virtwarden.splice import apply_all

PASSWD = (
    "root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000::/home/alice:/bin/bash\n"
    "ops:x:1001:64:Ops:/srv/ops:/bin/sh\nbob:x:1002:1002::/home/bob:/bin/bash\n"
)
GROUP = "root:x:0:\nlibvirt:x:64:alice\nstaff:x:50:bob\n"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6x"
FORCED = 'restrict,command="virt-ssh-helper qemu:///system"'


def host(keys: Mapping[str, str | Unknown] | None = None, sshd: str = "", policy: Policy | None = None) -> Host:
    files: dict[str, str | bytes | Unknown | Absent] = {"/etc/passwd": PASSWD, "/etc/group": GROUP}
    return made(policy or Policy(), files={**files, "/etc/ssh/sshd_config": sshd, **(keys or {})})


@pytest.mark.parametrize(
    ("options", "result"),
    [
        ("", "fail"),
        (FORCED + " ", "pass"),
        ('command="virt-ssh-helper \\"x\\" y, z",no-pty ', "pass"),
        ("restrict ", "fail"),
        ('from="10.0.0.0/8",no-pty ', "fail"),
        ('environment="A=command=b" ', "fail"),
    ],
)
def test_a_key_of_root_has_to_force_a_command(options: str, result: str) -> None:
    assert results(CONTROL, host({"/root/.ssh/authorized_keys": f"{options}{KEY} alice@desk\n"})) == [result]


def test_a_key_of_a_libvirt_user_may_be_restricted_alone() -> None:
    path = "/home/alice/.ssh/authorized_keys"
    assert results(CONTROL, host({path: f"restrict {KEY}\n"})) == ["pass"]
    (finding,) = judge(CONTROL, host({path: f"# mine\n\n{KEY} alice@desk\n"}))
    assert (finding.subject.name, finding.message) == ("alice: alice@desk", "opens all that alice may do")
    assert (finding.evidence[0].line, finding.evidence[0].text) == (3, "ssh-ed25519 … alice@desk")


def test_those_whose_first_group_is_libvirts_count_and_others_do_not() -> None:
    keys = {"/srv/ops/.ssh/authorized_keys": f"{KEY}\n", "/home/bob/.ssh/authorized_keys": f"{KEY}\n"}
    assert [f.subject.name for f in judge(CONTROL, host(keys))] == ["ops: ssh-ed25519"]


def test_keys_lie_where_sshd_looks_for_them() -> None:
    sshd = "AuthorizedKeysFile /etc/ssh/keys/%u none\n"
    keys = {
        "/etc/ssh/keys/alice": f"2048 35 1234567890 old@rhel6\n{KEY}\n",
        "/root/.ssh/authorized_keys": f"{KEY}\n",
    }
    findings = judge(CONTROL, host(keys, sshd))
    assert [f.subject.name for f in findings] == ["alice: old@rhel6", "alice: ssh-ed25519"]


def test_keys_lie_where_a_block_or_a_number_says_too() -> None:
    sshd = "AuthorizedKeysFile /etc/ssh/keys/%U\nMatch User alice\nAuthorizedKeysFile /etc/ssh/own/%u\n"
    keys = {"/etc/ssh/keys/1001": f"{KEY} ops@x\n", "/etc/ssh/own/alice": f"{KEY} alice@x\n"}
    found = judge(CONTROL, host(keys, sshd))
    assert {finding.subject.name for finding in found} == {"ops: ops@x", "alice: alice@x"}


def test_keys_that_a_program_gives_are_unknown() -> None:
    asked = "AuthorizedKeysCommand /usr/bin/sss_ssh_authorizedkeys\n"
    (finding,) = judge(CONTROL, host({}, asked))
    assert (finding.result, finding.message) == (
        "unknown",
        "/usr/bin/sss_ssh_authorizedkeys gives keys too, which cannot be seen",
    )
    assert results(CONTROL, host({}, f"Match Group x\n{asked}")) == ["unknown"]
    assert results(CONTROL, host({}, "AuthorizedKeysCommand none\n")) == ["notapplicable"]


def test_certificates_of_an_authority_are_unknown() -> None:
    (finding,) = judge(CONTROL, host({}, "TrustedUserCAKeys /etc/ssh/ca.pub\n"))
    assert (finding.result, finding.message.partition(" certificates")[0]) == (
        "unknown",
        "/etc/ssh/ca.pub names authorities whose",
    )
    assert results(CONTROL, host({}, "TrustedUserCAKeys none\n")) == ["notapplicable"]


def test_whoever_has_roots_number_is_root_and_the_policys_account_counts() -> None:
    more = {
        "/etc/passwd": PASSWD + "toor:x:0:0::/srv/toor:/bin/sh\n",
        "/srv/toor/.ssh/authorized_keys": f"{KEY} t\n",
    }
    assert [f.subject.name for f in judge(CONTROL, host(more))] == ["toor: t"]
    bobs = {"/home/bob/.ssh/authorized_keys": f"{KEY} b\n"}
    policy = Policy(remote=Remote(ssh_user="bob"))
    assert [f.subject.name for f in judge(CONTROL, host(bobs, "", policy))] == ["bob: b"]


def test_a_member_whom_only_a_directory_knows_is_unknown() -> None:
    (finding,) = judge(CONTROL, host({"/etc/group": GROUP.replace("alice", "alice,carol")}))
    assert finding.result == "unknown"
    assert "carol, who is in libvirt" in finding.message


def test_no_keys_are_not_applicable() -> None:
    assert results(CONTROL, host()) == ["notapplicable"]
    assert results(CONTROL, host({"/root/.ssh/authorized_keys": "# none\n"})) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    keys: dict[str, str | Unknown] = {"/root/.ssh/authorized_keys": Unknown("denied")}
    keys["/home/alice/.ssh/authorized_keys"] = f"{KEY}\n"
    assert results(CONTROL, host(keys)) == ["fail", "unknown"]
    config: dict[str, str] = {"/etc/ssh/sshd_config": ""}
    assert results(CONTROL, made(files=config)) == ["unknown"]
    assert results(CONTROL, made(files={**config, "/etc/passwd": "root:x\n", "/etc/group": ""})) == ["unknown"]


@pytest.mark.parametrize("options", ["", 'from="192.0.2.0/24" ', "restrict,pty "])
@pytest.mark.parametrize(
    ("consoles", "limits"),
    [(False, FORCED), (True, FORCED.replace("restrict", "restrict,port-forwarding"))],
)
def test_the_lines_of_the_policys_account_get_their_limits(options: str, consoles: bool, limits: str) -> None:
    path, user = "/home/alice/.ssh/authorized_keys", "alice"
    before = f"# keys\n{options}{KEY} alice@desk\n{FORCED} {KEY}x other\n"
    policy = Policy(remote=Remote(ssh_user=user, ssh_consoles=consoles))
    found = [each for each in judge(CONTROL, host({path: before}, "", policy)) if each.result == "fail"]
    if "restrict" in options:
        assert found == []
        return
    edits = [change.edit for change in found[0].fix]
    after = apply_all(edits, before, Document("file", path))
    joined = f"{limits},{options}" if options else f"{limits} "
    assert after == f"# keys\n{FORCED} {KEY}x other\n{joined}{KEY} alice@desk\n"
    assert results(CONTROL, host({path: after}, "", policy)) == ["pass", "pass"]
    assert apply_all(edits, after, Document("file", path)) == after


def test_the_lines_of_others_are_left_to_a_person() -> None:
    policy = Policy(remote=Remote(ssh_user="ops"))
    (finding,) = judge(CONTROL, host({"/home/alice/.ssh/authorized_keys": f"{KEY}\n"}, "", policy))
    assert isinstance(finding.fix[0].edit, Do)
