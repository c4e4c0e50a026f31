"""The users that may manage the host by SASL are listed."""

import pytest

from tests.kit import judge, results
from tests.remotehost import DEBIAN, LISTENING, TLS_ENABLED, remote_host
from virtwarden.controls.remote.sasl_users_listed import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Unknown

TCP = "listen_tcp = 1\n"


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("", "fail"),
        ('sasl_allowed_username_list = ["*"]\n', "fail"),
        ('sasl_allowed_username_list = ["alice@EXAMPLE.COM"]\n', "pass"),
        ("sasl_allowed_username_list = []\n", "pass"),
    ],
)
def test_the_list_decides_where_a_port_asks_for_sasl(line: str, result: str) -> None:
    assert results(CONTROL, remote_host(TCP + line, files=LISTENING)) == [result]
    tls = 'auth_tls = "sasl"\n' + line
    assert results(CONTROL, remote_host(tls, files=DEBIAN, enabled=TLS_ENABLED)) == [result]


def test_it_does_not_apply_where_no_port_asks() -> None:
    assert results(CONTROL, remote_host("", files=DEBIAN)) == ["notapplicable"]
    assert results(CONTROL, remote_host("", files=DEBIAN, enabled=TLS_ENABLED)) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, remote_host(Unknown("permission denied"))) == ["unknown"]


def test_the_policys_users_are_listed_and_without_any_a_person_is_asked() -> None:
    policy = Policy(remote=Remote(sasl_users=("alice", "bob")))
    (finding,) = judge(CONTROL, remote_host(TCP, policy, files=LISTENING))
    assert finding.fix[0].edit == SetConf("sasl_allowed_username_list", ("alice", "bob"))
    (finding,) = judge(CONTROL, remote_host(TCP, files=LISTENING))
    assert isinstance(finding.fix[0].edit, Do)


def test_the_policys_log_in_over_tls_needs_the_list_too() -> None:
    policy = Policy(remote=Remote(transport="tls", sasl_over_tls=True, sasl_users=("alice",)))
    (finding,) = judge(CONTROL, remote_host("", policy, files=LISTENING))
    assert finding.result == "fail"
    assert finding.fix[0].edit == SetConf("sasl_allowed_username_list", ("alice",))
