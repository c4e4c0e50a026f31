"""A revocation list stands ready where TLS is offered, and it is current."""

from collections.abc import Mapping

from tests.certs import Authority
from tests.kit import entry, judge, results
from tests.remotehost import DEBIAN, TLS_ENABLED, remote_host
from virtwarden.controls.remote.pki_revocation_current import CONTROL
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host, Unknown

AUTHORITY = Authority()
CRL = "/etc/pki/CA/cacrl.pem"


def host(files: Mapping[str, str], conf: str = "", enabled: Mapping[str, str] = TLS_ENABLED) -> Host:
    all_files = {**DEBIAN, "/etc/pki/CA/cacert.pem": AUTHORITY.pem, **files}
    return remote_host(conf, files=all_files, enabled=enabled)


def test_a_current_list_passes() -> None:
    assert results(CONTROL, host({CRL: AUTHORITY.revocations()})) == ["pass"]


def test_a_list_whose_time_is_up_fails() -> None:
    (finding,) = judge(CONTROL, host({CRL: AUTHORITY.revocations(days=0)}))
    assert (finding.result, finding.message) == ("fail", "the list's time was up on 2026-02-28")


def test_a_strangers_list_and_no_list_fail() -> None:
    assert results(CONTROL, host({CRL: Authority().revocations()})) == ["fail"]
    assert judge(CONTROL, host({CRL: "nothing\n"}))[0].message == "holds no revocation list"
    broken = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"
    assert judge(CONTROL, host({CRL: broken}))[0].result == "fail"


def test_tls_without_a_list_fails_and_the_lack_of_both_is_not_applicable() -> None:
    assert judge(CONTROL, host({}))[0].message == f"there is no revocation list at {CRL}"
    assert results(CONTROL, host({}, enabled={})) == ["notapplicable"]
    local = Libvirt(frozenset({"virtqemud"}), modular=True, monolithic=False)
    assert results(CONTROL, remote_host(None, libvirt=local)) == ["notapplicable"]


def test_crl_file_is_heeded_only_beside_the_other_three() -> None:
    conf = 'crl_file = "/srv/crl.pem"\n'
    findings = judge(CONTROL, host({"/srv/crl.pem": AUTHORITY.revocations()}, conf))
    assert [f.message for f in findings if f.result == "fail"] == [
        "crl_file is not heeded without ca_file, cert_file and key_file"
    ]
    complete = conf + 'ca_file = "/etc/pki/CA/cacert.pem"\ncert_file = "/srv/c.pem"\nkey_file = "/srv/k.pem"\n'
    assert results(CONTROL, host({"/srv/crl.pem": AUTHORITY.revocations()}, complete)) == ["pass"]


def test_a_list_that_cannot_be_read_is_unknown() -> None:
    refused = remote_host("", files={**DEBIAN, CRL: Unknown("permission denied")}, stats=[entry(CRL, mode=0o600)])
    assert results(CONTROL, refused) == ["unknown"]
