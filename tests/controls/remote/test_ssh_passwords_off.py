"""SSH logs nobody in by a password."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.remote.ssh_passwords_off import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Unknown

CONFIG = "/etc/ssh/sshd_config"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("PasswordAuthentication no\n", "pass"),
        ("PasswordAuthentication yes\n", "fail"),
        ("", "fail"),
        ("AuthenticationMethods publickey\n", "pass"),
        ("AuthenticationMethods publickey,password publickey,keyboard-interactive\n", "pass"),
        ("AuthenticationMethods publickey password\n", "fail"),
        ("AuthenticationMethods any\n", "fail"),
    ],
)
def test_the_settings_decide(text: str, result: str) -> None:
    assert results(CONTROL, made(files={CONFIG: text})) == [result]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("KbdInteractiveAuthentication no\n", ["pass", "pass"]),
        ("ChallengeResponseAuthentication no\n", ["pass", "pass"]),
        ("ChallengeResponseAuthentication yes\n", ["pass", "fail"]),
        ("", ["pass", "fail"]),
        ("KbdInteractiveAuthentication no\nMatch User x\nKbdInteractiveAuthentication yes\n",
         ["pass", "pass", "fail"]),
        ("AuthenticationMethods publickey,keyboard-interactive\n", ["pass"]),
    ],
)  # fmt: skip
def test_pam_may_ask_for_the_password_all_the_same(text: str, found: list[str]) -> None:
    assert results(CONTROL, made(files={CONFIG: f"PasswordAuthentication no\nUsePAM yes\n{text}"})) == found


def test_what_sshd_itself_says_of_pam_counts() -> None:
    said = "usepam yes\npasswordauthentication no\nkbdinteractiveauthentication yes\n"
    found = judge(CONTROL, made(files={CONFIG: ""}, commands={("sshd", "-T"): said}))
    assert [finding.result for finding in found] == ["pass", "fail"]
    assert found[1].fix[0].edit == SetLine("KbdInteractiveAuthentication", "no", " ")


def test_the_fix_for_pam_takes_the_name_that_every_release_knows() -> None:
    found = judge(CONTROL, made(files={CONFIG: "PasswordAuthentication no\nUsePAM yes\n"}))
    assert found[1].fix[0].edit == SetLine("ChallengeResponseAuthentication", "no", " ")


def test_the_fix_leaves_what_a_package_keeps_below_usr() -> None:
    (finding,) = judge(CONTROL, made(files={"/usr/etc/ssh/sshd_config": "PasswordAuthentication yes\n"}))
    assert finding.fix[0].document.name == "/etc/ssh/sshd_config.d/00-virt-warden.conf"


def test_the_fix_sets_the_line() -> None:
    (finding,) = judge(CONTROL, made(files={CONFIG: "PasswordAuthentication yes\n"}))
    assert finding.fix[0].edit == SetLine("PasswordAuthentication", "no", " ")
    assert finding.fix[0].safety == "disruptive"


def test_a_block_that_allows_passwords_again_fails() -> None:
    text = "PasswordAuthentication no\nMatch Group staff\nPasswordAuthentication yes\n"
    text += "Match User x\nPasswordAuthentication no\n"
    assert results(CONTROL, made(files={CONFIG: text})) == ["pass", "fail"]


def test_a_refusal_is_unknown() -> None:
    assert results(CONTROL, made(files={CONFIG: Unknown("permission denied")})) == ["unknown"]
