"""libvirt's TLS port lets nobody in without a certificate that holds."""

import pytest

from tests.kit import judge, results
from tests.remotehost import MODULAR, remote_host
from virtwarden.controls.remote.tls_verifies_clients import CONTROL
from virtwarden.edits import SetConf
from virtwarden.host import Unknown


def test_libvirts_defaults_pass() -> None:
    assert results(CONTROL, remote_host("")) == ["pass", "pass"]
    assert results(CONTROL, remote_host(None)) == ["pass", "pass"]


@pytest.mark.parametrize("key", ["tls_no_verify_certificate", "tls_no_sanity_certificate"])
def test_either_key_fails_with_the_fix(key: str) -> None:
    (finding,) = [f for f in judge(CONTROL, remote_host(f"{key} = 1\n")) if f.result == "fail"]
    assert finding.fix[0].edit == SetConf(key, 0)
    assert finding.evidence[0].where == "/etc/libvirt/libvirtd.conf:1"


def test_libvirtd_conf_does_not_count_on_a_modular_host() -> None:
    files = {"/etc/libvirt/libvirtd.conf": "tls_no_verify_certificate = 1\n"}
    assert results(CONTROL, remote_host("", files=files, libvirt=MODULAR)) == ["pass", "pass"]
    wrong = "tls_no_verify_certificate = 1\n"
    assert results(CONTROL, remote_host(wrong, libvirt=MODULAR)) == ["fail", "pass"]


@pytest.mark.parametrize(
    "conf", [Unknown("permission denied"), "tls_no_verify_certificate = [\n", "listen_tcp = 'x'\n"]
)
def test_what_cannot_be_read_is_unknown(conf: str | Unknown) -> None:
    assert results(CONTROL, remote_host(conf)) == ["unknown"]
