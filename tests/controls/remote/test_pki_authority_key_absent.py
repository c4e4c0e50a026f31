"""The private key of the authority that the host trusts is not on the host."""

import pytest

from tests.certs import Authority, key, pem_of
from tests.kit import entry, judge, results
from tests.remotehost import remote_host
from virtwarden.controls.remote.pki_authority_key_absent import CONTROL
from virtwarden.host import Host, Unknown
from virtwarden.sources.keystandin import KeyStandIn

AUTHORITY = Authority()
CA = {"/etc/pki/CA/cacert.pem": AUTHORITY.pem}


def host(**files: str | Unknown) -> Host:
    return remote_host("", files={**CA, **files})


def test_an_authority_whose_key_is_elsewhere_passes() -> None:
    files = {"/etc/pki/libvirt/private/serverkey.pem": pem_of(key()), "/root/notes.pem": "nothing"}
    (finding,) = judge(CONTROL, host(**files))
    assert (finding.result, finding.subject.name) == ("pass", "/etc/pki/CA/cacert.pem")


@pytest.mark.parametrize(
    "path",
    ["/etc/pki/CA/private/cakey.pem", "/root/server.key", "/tmp/x.pem", "/home/bob/ca/k.pem", "/etc/pki/CA/a.key"],
)
def test_its_key_fails_wherever_it_lies_under_whatever_name(path: str) -> None:
    (finding,) = judge(CONTROL, host(**{path: AUTHORITY.key_pem}))
    assert (finding.result, finding.subject.name) == ("fail", path)


def test_a_key_beside_a_spoilt_certificate_is_found_all_the_same() -> None:
    spoilt = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + AUTHORITY.key_pem
    assert results(CONTROL, host(**{"/root/cacert.pem": spoilt})) == ["fail"]


def test_an_encrypted_key_counts_by_its_name() -> None:
    encrypted = KeyStandIn("unreadable", encrypted=True).block(3)
    assert results(CONTROL, host(**{"/etc/pki/CA/private/cakey.pem": encrypted})) == ["fail"]
    assert results(CONTROL, host(**{"/root/mine.pem": encrypted})) == ["pass"]


def test_places_that_cannot_be_searched_leave_it_unknown() -> None:
    refused = Unknown("/root: permission denied")
    assert results(CONTROL, host(**{"/root/*.pem": refused})) == ["unknown"]
    unread = remote_host("", files={**CA, "/root/ca.pem": refused}, stats=[entry("/root/ca.pem", mode=0o600)])
    assert results(CONTROL, unread) == ["unknown"]
    found: dict[str, str | Unknown] = {"/root/*.pem": refused, "/tmp/x.pem": AUTHORITY.key_pem}
    assert results(CONTROL, host(**found)) == ["fail", "unknown"]


def test_an_authority_that_lies_in_several_places_is_told_once() -> None:
    assert results(CONTROL, host(**{"/etc/pki/libvirt-vnc/ca-cert.pem": AUTHORITY.pem})) == ["pass"]


def test_no_authority_is_not_applicable() -> None:
    assert results(CONTROL, remote_host("")) == ["notapplicable"]
