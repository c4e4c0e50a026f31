"""Nobody logs in as root over SSH."""

from collections.abc import Mapping

import pytest

from tests.kit import entry, judge, made, results
from virtwarden.controls.remote.ssh_root_login_off import CONTROL
from virtwarden.edits import SetLine
from virtwarden.host import Host, Unknown

CONFIG = "/etc/ssh/sshd_config"


def host(text: str | Unknown, said: str | None = None, files: Mapping[str, str | Unknown] | None = None) -> Host:
    return made(files={CONFIG: text, **(files or {})}, commands={("sshd", "-T"): said or (255, "no hostkeys")})


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("PermitRootLogin no\n", "pass"),
        ("PermitRootLogin forced-commands-only\n", "pass"),
        ("PermitRootLogin yes\n", "fail"),
        ("permitrootlogin=without-password\n", "fail"),
        ("PermitRootLogin no\nPermitRootLogin yes\n", "pass"),
        ("", "fail"),
        ("#PermitRootLogin no\n", "fail"),
    ],
)
def test_the_first_line_decides_and_the_default_lets_keys_in(text: str, result: str) -> None:
    assert results(CONTROL, host(text)) == [result]


def test_the_fix_goes_where_the_line_is() -> None:
    drop_in = "/etc/ssh/sshd_config.d/50-site.conf"
    text = "Include /etc/ssh/sshd_config.d/*.conf\nPermitRootLogin no\n"
    (finding,) = judge(CONTROL, host(text, files={drop_in: "PermitRootLogin yes\n"}))
    assert finding.evidence[0].where == f"{drop_in}:1"
    assert (finding.fix[0].document.name, finding.fix[0].edit) == (drop_in, SetLine("PermitRootLogin", "no", " "))


def test_what_sshd_itself_says_goes_before_the_files() -> None:
    (finding,) = judge(CONTROL, host("PermitRootLogin yes\n", "port 22\npermitrootlogin no\n"))
    assert finding.result == "pass"
    assert finding.evidence[0].argv == ("sshd", "-T")
    (finding,) = judge(CONTROL, host("", "permitrootlogin yes\n"))
    assert finding.fix[0].document.name == CONFIG


def test_a_block_that_lets_root_in_again_fails() -> None:
    text = "PermitRootLogin no\nMatch Address 10.0.0.0/8\n  PermitRootLogin yes\n"
    text += "Match User bob\n  PermitRootLogin no\n"
    findings = judge(CONTROL, host(text))
    assert [f.result.value for f in findings] == ["pass", "fail"]
    assert findings[1].message == "PermitRootLogin is yes for Address 10.0.0.0/8"


def test_suse_keeps_its_file_elsewhere() -> None:
    assert results(CONTROL, made(files={"/usr/etc/ssh/sshd_config": "PermitRootLogin yes\n"})) == ["fail"]


def test_sshd_that_does_not_answer_leaves_the_files() -> None:
    host = made(files={CONFIG: "PermitRootLogin no\n"}, commands={("sshd", "-T"): (255, "no hostkeys available")})
    assert results(CONTROL, host) == ["pass"]


def test_no_server_is_not_applicable_and_a_refusal_unknown() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]
    assert results(CONTROL, made(stats=[entry("/usr/sbin/sshd")])) == ["unknown"]
    assert results(CONTROL, host(Unknown("permission denied"))) == ["unknown"]
    assert results(CONTROL, host('PermitRootLogin "no\n')) == ["unknown"]
    assert results(CONTROL, host("Include other.conf\n", files={"/etc/ssh/other.conf": Unknown("denied")})) == [
        "unknown"
    ]
