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


def host(policy: Policy = PLAIN, main: str = INCLUDE, drop_in: str | None = None) -> Host:
    files = {MAIN: main} | ({DROP_IN: drop_in} if drop_in else {})
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
    assert results(CONTROL, made(PLAIN, files={MAIN: LIMITED}, commands={ASKED: said})) == ["fail"]


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
