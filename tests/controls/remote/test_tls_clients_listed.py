"""The subjects of client certificates that may manage the host are listed one by one."""

import pytest

from tests.certs import Authority
from tests.kit import judge, results
from tests.remotehost import DEBIAN, TLS_ENABLED, remote_host
from virtwarden.controls.remote.tls_clients_listed import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.pki import Pki
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host, Unknown
from virtwarden.pki.subjects import matches

EXACT = "C=US,O=IBM,OU=virtualization,CN=alice"
BLUEPRINT = "C=*,O=IBM,OU=virtualization,CN=*"


def host(conf: str, *policy: Policy, files: dict[str, str | Unknown] | None = None) -> Host:
    return remote_host(conf, *policy, files={**DEBIAN, **(files or {})}, enabled=TLS_ENABLED)


def listed(*patterns: str) -> str:
    return "tls_allowed_dn_list = [" + ", ".join(f'"{pattern}"' for pattern in patterns) + "]\n"


def test_exact_subjects_pass() -> None:
    assert results(CONTROL, host(listed(EXACT, "CN=bob"))) == ["pass", "pass"]


def test_no_list_fails_and_the_policys_subjects_are_the_fix() -> None:
    (finding,) = judge(CONTROL, host(""))
    assert finding.result == "fail"
    assert isinstance(finding.fix[0].edit, Do)
    (finding,) = judge(CONTROL, host("", Policy(remote=Remote(allowed_dns=(EXACT,)))))
    assert finding.fix[0].edit == SetConf("tls_allowed_dn_list", (EXACT,))


def test_an_empty_list_lets_nobody_in() -> None:
    assert results(CONTROL, host("tls_allowed_dn_list = []\n")) == ["pass"]


def test_the_blueprints_pattern_fails_with_a_subject_that_it_lets_in() -> None:
    (finding,) = judge(CONTROL, host(listed(BLUEPRINT)))
    assert finding.result == "fail"
    assert "C=x,O=Other,O=IBM,OU=virtualization,CN=x is let in" in finding.message
    assert matches(BLUEPRINT, "C=x,O=Other,O=IBM,OU=virtualization,CN=x")


def test_a_leading_star_and_a_question_mark_fail() -> None:
    messages = [finding.message for finding in judge(CONTROL, host(listed("*CN=root", "CN=adm?n")))]
    assert messages == ["* runs across fields, so that O=OtherCN=root is let in", "? stands for any character"]


def test_a_pattern_that_matches_the_servers_own_certificate_fails() -> None:
    server = Authority().issue("O=IBM,CN=kvm7")
    files: dict[str, str | Unknown] = {"/etc/pki/libvirt/servercert.pem": server.pem}
    finding, other = judge(CONTROL, host(listed("O=IBM,CN=kvm7", "O=IBM,CN=alice"), files=files))
    assert finding.message == "matches the server's own certificate, O=IBM,CN=kvm7"
    assert finding.evidence[1].path == "/etc/pki/libvirt/servercert.pem"
    assert other.result == "pass"


def test_a_subject_that_the_policy_does_not_name_fails() -> None:
    (finding,) = judge(CONTROL, host(listed(EXACT), Policy(remote=Remote(allowed_dns=("CN=bob",)))))
    assert finding.message == "the policy does not name it"


def test_listed_users_of_a_log_in_over_tls_will_do() -> None:
    conf = 'auth_tls = "sasl"\nsasl_allowed_username_list = ["alice@EXAMPLE.COM"]\n'
    assert results(CONTROL, host(conf)) == ["pass"]
    assert results(CONTROL, host('auth_tls = "sasl"\n')) == ["fail"]


def test_it_does_not_apply_where_tls_is_not_offered() -> None:
    assert results(CONTROL, remote_host("", files=DEBIAN)) == ["notapplicable"]
    assert results(CONTROL, remote_host("", files=DEBIAN, ss=Unknown("no ss"))) == ["notapplicable"]


def test_a_port_that_is_open_counts_as_offered() -> None:
    assert results(CONTROL, remote_host("", ss="tcp LISTEN 0 128 *:16514 *:*\n")) == ["fail"]


def test_certificates_that_cannot_be_looked_at_leave_it_unknown() -> None:
    refused = {"/etc/pki/libvirt/*.pem": Unknown("/etc/pki/libvirt: permission denied")}
    assert results(CONTROL, host(listed(EXACT), files=dict(refused))) == ["pass", "unknown"]
    mute = host(listed(EXACT))
    mute._refusals[Pki] = Unknown("nothing to see")
    assert results(CONTROL, mute) == ["pass", "unknown"]


def test_a_conf_file_that_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, remote_host(Unknown("permission denied"), enabled=TLS_ENABLED)) == ["unknown"]


@pytest.mark.parametrize(
    ("pattern", "subject", "matching"),
    [
        ("CN=a", "CN=a", True),
        ("CN=a", "CN=ab", False),
        ("CN=a", "xCN=a", False),
        ("*", "", True),
        ("*", "C=US,CN=x", True),
        ("C=*,CN=*", "C=US,O=x,CN=y", True),
        ("C=*,CN=z", "C=US,CN=y", False),
        ("CN=?", "CN=é", True),
        ("CN=?", "CN=", False),
        ("CN=[ab]", "CN=a", False),
        ("a*b*a", "aba", True),
        ("a*b*a", "ab", False),
        ("aa*aa", "aaa", False),
        ("a*x*a", "aba", False),
        ("a**b", "ab", True),
        ("CN=a.b", "CN=axb", False),
        ("*x", "y", False),
    ],
)
def test_patterns_match_as_libvirt_matches_them(pattern: str, subject: str, matching: bool) -> None:
    assert matches(pattern, subject) is matching


def test_a_hostile_pattern_takes_no_time() -> None:
    assert not matches("*a" * 200 + "b", "a" * 5000)
