"""The settings that name certificates, keys and their folders name what is there."""

from __future__ import annotations

import pytest

from tests.kit import entry, judge, results
from tests.remotehost import remote_host
from virtwarden.controls.remote.tls_files_present import CONTROL
from virtwarden.edits import Do, RemoveLine
from virtwarden.host import Host, Unknown

ALL = 'ca_file = "/a"\ncert_file = "/b"\nkey_file = "/c"\n'
ZEROS = "00000000-0000-0000-0000-000000000000"


def host(conf: str | Unknown = "", qemu: str = "") -> Host:
    folder = entry("/etc/pki/vnc", kind="dir", mode=0o750)
    return remote_host(conf, files={"/etc/libvirt/qemu.conf": qemu}, stats=[folder])


@pytest.mark.parametrize(
    ("conf", "result"),
    [("", "pass"), (ALL, "pass"), ('key_file = "/c"\n', "fail"), (ALL.replace('ca_file = "/a"\n', ""), "fail")],
)
def test_certificate_key_and_authority_go_together(conf: str, result: str) -> None:
    assert results(CONTROL, host(conf)) == [result]


def test_a_folder_that_is_not_there_fails() -> None:
    assert results(CONTROL, host(qemu='vnc_tls_x509_cert_dir = "/etc/pki/vnc"\n')) == ["pass", "pass"]
    _, finding = judge(CONTROL, host(qemu='nbd_tls_x509_cert_dir = "/etc/pki/nbd"\n'))
    assert (finding.result, finding.subject.name) == ("fail", "nbd_tls_x509_cert_dir")
    assert isinstance(finding.fix[0].edit, Do)


def test_zeros_are_no_secret() -> None:
    key = "vnc_tls_x509_secret_uuid"
    _, finding = judge(CONTROL, host(qemu=f'{key} = "{ZEROS}"\n'))
    assert (finding.result, finding.fix[0].edit) == ("fail", RemoveLine(key))
    assert results(CONTROL, host(qemu=f'{key} = "{ZEROS[:-1]}7"\n')) == ["pass", "pass"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host(Unknown("permission denied"))) == ["unknown"]
