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


def test_the_fix_sets_the_line() -> None:
    (finding,) = judge(CONTROL, made(files={CONFIG: "PasswordAuthentication yes\n"}))
    assert finding.fix[0].edit == SetLine("PasswordAuthentication", "no", " ")


def test_a_block_that_allows_passwords_again_fails() -> None:
    text = "PasswordAuthentication no\nMatch Group staff\nPasswordAuthentication yes\n"
    text += "Match User x\nPasswordAuthentication no\n"
    assert results(CONTROL, made(files={CONFIG: text})) == ["pass", "fail"]


def test_a_refusal_is_unknown() -> None:
    assert results(CONTROL, made(files={CONFIG: Unknown("permission denied")})) == ["unknown"]
