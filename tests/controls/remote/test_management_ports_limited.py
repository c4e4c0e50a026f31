"""libvirt's ports are offered on the management address alone."""

from ipaddress import ip_interface

import pytest

from tests.kit import judge, made, results
from tests.remotehost import DEBIAN, LISTENING, MONOLITHIC, SS, TLS_ENABLED, remote_host, units
from virtwarden.controls.remote.management_ports_limited import CONTROL
from virtwarden.edits import Replace, SetConf
from virtwarden.facts.links import Link, Links
from virtwarden.facts.policy import Network, Policy
from virtwarden.host import Unknown

DROP_IN = "/etc/systemd/system/libvirtd-tls.socket.d/address.conf"
LIST_SOCKETS = "[::]:16514 libvirtd-tls.socket libvirtd.service\n"
NARROW = {DROP_IN: "[Socket]\nListenStream=\nListenStream=192.0.2.10:16514\nFreeBind=yes\n"}


def test_the_packaged_unit_fails() -> None:
    (finding,) = judge(CONTROL, remote_host("", files=DEBIAN, enabled=TLS_ENABLED))
    assert finding.message == "libvirtd-tls.socket offers TLS on every address, port 16514"


def managed(address: str) -> tuple[Policy, Links]:
    """A policy that names the device by which the host is managed, and what addresses that has."""
    given = tuple(ip_interface(text) for text in (*address.split(), "fe80::1/64"))
    return Policy(network=Network(management_interface="mgmt0")), Links({"mgmt0": Link("mgmt0", addresses=given)})


@pytest.mark.parametrize("address", ["192.0.2.10", "2001:db8::10"])
def test_the_fix_names_the_management_address_where_it_is_known(address: str) -> None:
    known = managed(f"{address}/32" if "." in address else f"{address}/128")
    (change,) = judge(CONTROL, remote_host("", *known, files=DEBIAN, enabled=TLS_ENABLED))[0].fix
    assert isinstance(change.edit, Replace)
    mended = {**DEBIAN, change.document.name: change.edit.text or ""}
    (finding,) = judge(CONTROL, remote_host("", files=mended, enabled=TLS_ENABLED))
    assert (finding.result, change.safety) == ("pass", "disruptive")
    (change,) = judge(CONTROL, remote_host("", *known, files=LISTENING))[0].fix
    assert change.edit == SetConf("listen_addr", address)


def test_an_address_that_is_not_the_only_one_is_for_a_person_to_choose() -> None:
    for known in (managed("192.0.2.10/32 192.0.2.11/32"), (Policy(), Links({}))):
        for host in (remote_host("", *known, files=LISTENING),
                     remote_host("", *known, files=DEBIAN, enabled=TLS_ENABLED)):  # fmt: skip
            assert judge(CONTROL, host)[0].fix[0].safety == "manual"


def test_a_drop_in_with_the_address_passes_and_one_that_adds_it_does_not() -> None:
    assert results(CONTROL, remote_host("", files={**DEBIAN, **NARROW}, enabled=TLS_ENABLED)) == ["pass"]
    added = {DROP_IN: "[Socket]\nListenStream=192.0.2.10:16514\n"}
    assert results(CONTROL, remote_host("", files={**DEBIAN, **added}, enabled=TLS_ENABLED)) == ["fail", "pass"]


@pytest.mark.parametrize(("address", "result"), [("", "fail"), ('listen_addr = "192.0.2.10"\n', "pass")])
def test_listen_addr_decides_where_the_daemon_listens_itself(address: str, result: str) -> None:
    assert results(CONTROL, remote_host(address, files=LISTENING)) == [result]


def test_open_ports_are_judged_in_force() -> None:
    ss = (
        'tcp LISTEN 0 128 *:16514 *:* users:(("libvirtd",pid=900,fd=12))\n'
        "tcp LISTEN 0 128 192.0.2.10:16509 0.0.0.0:*\n"
        "tcp LISTEN 0 128 127.0.0.1:5900 0.0.0.0:*\n"
    )
    findings = judge(CONTROL, remote_host("", files=DEBIAN, ss=ss))
    assert [(f.result.value, f.message) for f in findings] == [
        ("notapplicable", "offers neither TCP nor TLS"),
        ("pass", "the kernel or a process that cannot be seen from here listens on 192.0.2.10:16509"),
        ("fail", "libvirtd listens on every address"),
    ]


def test_a_socket_that_systemd_holds_is_mended_in_its_unit() -> None:
    ss = 'tcp LISTEN 0 128 *:16514 *:* users:(("systemd",pid=1,fd=40))\n'
    listed = {("systemctl", "list-sockets", "--all", "--no-legend", "--no-pager", "--full"): LIST_SOCKETS, SS: ss}
    host = made(MONOLITHIC, units(TLS_ENABLED), files=DEBIAN, commands=listed)
    (finding,) = [found for found in judge(CONTROL, host) if found.state == "in force"]
    assert (finding.result, finding.message) == ("fail", "libvirtd-tls.socket listens on every address")
    assert str(finding.fix[0].document) == "unit libvirtd-tls.socket"


def test_what_cannot_be_read_is_unknown() -> None:
    refused = Unknown("permission denied")
    assert results(CONTROL, remote_host(refused, files=LISTENING, ss=refused)) == ["unknown", "unknown"]
