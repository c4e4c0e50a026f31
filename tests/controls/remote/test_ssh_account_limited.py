"""The account that manages guests over SSH can do nothing else there."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.remote.ssh_account_limited import CONTROL
from virtwarden.edits import Do, Replace
from virtwarden.facts.policy import Console, Policy, Remote
from virtwarden.facts.ssh_account import DROP_IN
from virtwarden.host import Host, Unknown
from virtwarden.sources.process import environment

MAIN = "/etc/ssh/sshd_config"
INCLUDE = "Include /etc/ssh/sshd_config.d/*.conf\n"
PLAIN = Policy(remote=Remote(ssh_user="virtadmin"))
CONSOLES = Policy(remote=Remote(ssh_user="virtadmin", ssh_consoles=True), console=Console(last_port=5903))
ASKED = ("sshd", "-T", "-C", "user=virtadmin,host=localhost,addr=127.0.0.1")
LIMITED = "Match User virtadmin\nAuthenticationMethods publickey\nDisableForwarding yes\n"


KEYS = "/home/virtadmin/.ssh/authorized_keys"
ACCOUNTS = {
    "/etc/passwd": "virtadmin:x:1000:64::/home/virtadmin:/bin/bash\n",
    "/etc/group": "libvirt:x:64:\n",
    KEYS: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6x alice@desk\n",
}


def host(policy: Policy = PLAIN, main: str = INCLUDE, drop_in: str | None = None) -> Host:
    files = ACCOUNTS | {MAIN: main} | ({DROP_IN: drop_in} if drop_in else {})
    return made(policy, files=files)


def test_what_sshd_allows_by_itself_fails() -> None:
    (finding,) = judge(CONTROL, host())
    assert (finding.result, finding.subject.name) == ("fail", "virtadmin")
    assert finding.message == "forwards ports, forwards sockets, forwards agents, logs in by a password"


@pytest.mark.parametrize("policy", [PLAIN, CONSOLES])
def test_the_fix_heals_and_sshd_takes_it(policy: Policy, tmp_path: Path) -> None:
    (change,) = judge(CONTROL, host(policy))[0].fix
    assert (change.document.name, isinstance(change.edit, Replace)) == (DROP_IN, True)
    assert isinstance(change.edit, Replace)
    assert change.edit.text
    assert results(CONTROL, host(policy, drop_in=change.edit.text)) == ["pass"]
    assert accepted(change.edit.text, tmp_path)


def accepted(text: str, folder: Path) -> bool:
    """Whether the real sshd reads it; taken for granted where there is none."""
    program = shutil.which("sshd", path=environment(os.environ)["PATH"])
    if program is None:
        return True
    subprocess.run(("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"), check=True)
    (folder / "conf").write_text(f"HostKey {folder}/key\n{text}")
    argv = (program, "-T", "-f", folder / "conf", "-C", ASKED[-1])
    said = subprocess.run(argv, capture_output=True, text=True, check=False)
    return "authenticationmethods publickey" in said.stdout


def test_what_sshd_itself_says_counts() -> None:
    said = "disableforwarding yes\nauthenticationmethods publickey\n"
    assert results(CONTROL, made(PLAIN, files={MAIN: ""}, commands={ASKED: said})) == ["pass"]
    said = "disableforwarding no\nallowtcpforwarding yes\nauthenticationmethods any\npasswordauthentication yes\n"
    files = ACCOUNTS | {MAIN: LIMITED}
    assert results(CONTROL, made(PLAIN, files=files, commands={ASKED: said})) == ["fail"]


@pytest.mark.parametrize(
    ("condition", "result"),
    [
        ("Address 10.0.0.0/8", "unknown"),
        ("User virtadmin Address 10.0.0.0/8", "unknown"),
        ("User alice Address 10.0.0.0/8", "pass"),
        ("Group libvirt", "pass"),
    ],
)
def test_sshds_word_about_this_host_does_not_do_where_it_depends_on_the_connection(
    condition: str, result: str
) -> None:
    said = "disableforwarding yes\nauthenticationmethods publickey\n"
    files = ACCOUNTS | {MAIN: f"{LIMITED}Match {condition}\nDisableForwarding no\n"}
    assert results(CONTROL, made(PLAIN, files=files, commands={ASKED: said})) == [result]


def test_an_account_without_a_key_gets_one_before_passwords_are_shut_out() -> None:
    files = {**ACCOUNTS, MAIN: INCLUDE, KEYS: "# none yet\n"}
    first, second = judge(CONTROL, made(PLAIN, files=files))[0].fix
    assert (first.safety, isinstance(second.edit, Replace)) == ("manual", True)
    assert "virtadmin, who has none" in first.edit.steps if isinstance(first.edit, Do) else False
    unseen = made(PLAIN, files={**files, KEYS: Unknown("permission denied")})
    assert len(judge(CONTROL, unseen)[0].fix) == 1


@pytest.mark.parametrize(
    ("block", "result"),
    [
        (LIMITED, "pass"),
        (LIMITED.replace("virtadmin", "virt*,!root"), "pass"),
        (LIMITED.replace("virtadmin", "*,!virtadmin"), "fail"),
        (LIMITED.replace("Match User virtadmin", "Match all"), "pass"),
        (LIMITED.replace("User virtadmin", "User alice"), "fail"),
        (LIMITED.replace("User virtadmin", "Group libvirt"), "unknown"),
        (LIMITED.replace("publickey", "publickey,password"), "pass"),
        (LIMITED.replace("publickey", "password publickey"), "fail"),
    ],
)
def test_a_block_counts_for_whom_it_speaks_of(block: str, result: str) -> None:
    assert results(CONTROL, host(main=block)) == [result]


@pytest.mark.parametrize(
    ("lines", "result"),
    [
        ("AllowTcpForwarding local\nPermitOpen 127.0.0.1:5900\n", "pass"),
        ("AllowTcpForwarding yes\nPermitOpen 127.0.0.1:5900\n", "fail"),
        ("AllowTcpForwarding local\nPermitOpen 127.0.0.1:*\n", "fail"),
        ("AllowTcpForwarding local\n", "fail"),
        ("AllowTcpForwarding no\n", "pass"),
    ],
)
def test_consoles_may_be_permitted_one_by_one(lines: str, result: str) -> None:
    others = "AllowStreamLocalForwarding no\nAllowAgentForwarding no\nAuthenticationMethods publickey\n"
    block = f"Match User virtadmin\n{others}{lines}"
    assert results(CONTROL, host(CONSOLES, main=block)) == [result]
    if result == "pass" and "local" in lines:
        assert results(CONTROL, host(PLAIN, main=block)) == ["fail"]


def test_where_no_folder_is_drawn_in_a_person_writes_it() -> None:
    (change,) = judge(CONTROL, host(main="Match User x\n" + INCLUDE))[0].fix
    assert isinstance(change.edit, Do)
    assert "Match User virtadmin" in change.edit.steps


def test_it_does_not_apply_without_such_an_account() -> None:
    assert results(CONTROL, host(Policy())) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, made(PLAIN, files={MAIN: Unknown("permission denied")})) == ["unknown"]
