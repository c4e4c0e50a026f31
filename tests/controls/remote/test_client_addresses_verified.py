"""This host's own libvirt clients look whom they talk to."""

import pytest

from tests.kit import judge, made, results
from tests.remotehost import MONOLITHIC
from virtwarden.controls.remote.client_addresses_verified import CONTROL
from virtwarden.host import Host, Unknown

PATH = "/etc/libvirt/libvirt.conf"


def host(text: str | Unknown) -> Host:
    return made(MONOLITHIC, files={PATH: text})


@pytest.mark.parametrize(
    ("address", "result"),
    [
        ("qemu:///system", "pass"),
        ("qemu+tls://kvm7/system", "pass"),
        ("qemu+ssh://virtadmin@kvm7/system?proxy=native", "pass"),
        ("qemu+tls://kvm7/system?no_verify=0", "pass"),
        ("qemu+tls://kvm7/system?no_verify=1", "fail"),
        ("qemu+ssh://kvm7/system?proxy=native&no_verify=1", "fail"),
        ("qemu+libssh2://kvm7/system?known_hosts_verify=ignore", "fail"),
        ("qemu+tls://kvm7/system?command=x;no_verify=01", "fail"),
        ("qemu+ssh://kvm7/system?No_Verify=1", "fail"),
        ("qemu+tcp://kvm7/system", "fail"),
        ("QEMU+TCP://kvm7/system", "fail"),
    ],
)
def test_the_address_decides_whichever_way_it_is_named(address: str, result: str) -> None:
    assert results(CONTROL, host(f'uri_default = "{address}"\n')) == [result]
    assert results(CONTROL, host(f'uri_aliases = [ "seven={address}" ]\n')) == [result]


def test_each_alias_is_judged_with_its_line() -> None:
    text = 'uri_aliases = [\n  "a=qemu+tls://a/system",\n  "b=qemu+tcp://b/system"\n]\n'
    found = judge(CONTROL, host(text))
    assert [(f.subject.name, f.result) for f in found] == [
        ("qemu+tls://a/system", "pass"),
        ("qemu+tcp://b/system", "fail"),
    ]


def test_it_does_not_apply_without_any() -> None:
    assert results(CONTROL, host("# nothing\n")) == ["notapplicable"]
    assert results(CONTROL, made(MONOLITHIC)) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host(Unknown("permission denied"))) == ["unknown"]
