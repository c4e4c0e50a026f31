"""Clients of libvirt's TLS port log in by name where the site wants them to."""

from tests.kit import judge, results
from tests.remotehost import DEBIAN, TLS_ENABLED, remote_host
from virtwarden.controls.remote.tls_login_required import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Unknown

WANTED = Policy(remote=Remote(sasl_over_tls=True))
SASL = 'auth_tls = "sasl"\n'


def test_certificates_alone_fail_where_more_is_wanted() -> None:
    (finding,) = judge(CONTROL, remote_host("", WANTED, files=DEBIAN, enabled=TLS_ENABLED))
    assert (finding.message, finding.fix[0].edit) == (
        "auth_tls is none: a certificate is enough",
        SetConf("auth_tls", "sasl"),
    )


def test_a_log_in_passes_whether_it_is_wanted_or_not() -> None:
    for policy in (WANTED, Policy()):
        assert results(CONTROL, remote_host(SASL, policy, files=DEBIAN, enabled=TLS_ENABLED)) == ["pass"]


def test_it_does_not_apply_where_nobody_wants_it_or_tls_is_not_offered() -> None:
    assert results(CONTROL, remote_host("", files=DEBIAN, enabled=TLS_ENABLED)) == ["notapplicable"]
    assert results(CONTROL, remote_host("", WANTED, files=DEBIAN)) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, remote_host(Unknown("permission denied"), WANTED)) == ["unknown"]
