"""libvirt is not offered over plain TCP."""

from dataclasses import replace

import pytest

from tests.kit import judge, made, results
from tests.remotehost import DEBIAN, LISTENING, MODULAR, MONOLITHIC, SS, SYSTEM, TCP_SOCKET, remote_host, units
from virtwarden.controls.remote.plain_tcp_off import CONTROL
from virtwarden.edits import Do, SetConf, SetState
from virtwarden.facts.listeners import Listeners
from virtwarden.host import Unknown

SOCKETS = ("systemctl", "list-sockets", "--all", "--no-legend", "--no-pager", "--full")
OPEN = 'tcp LISTEN 0 128 *:16509 *:* users:(("libvirtd",pid=900,fd=12))\n'


def test_a_default_host_passes_in_both_states() -> None:
    assert (
        results(CONTROL, remote_host("", files=DEBIAN, enabled={"libvirtd-tcp.socket": "disabled"}))
        == ["pass"] * 2
    )


def test_an_enabled_socket_unit_fails_with_the_fix() -> None:
    host = remote_host("", files=DEBIAN, enabled={"libvirtd-tcp.socket": "enabled"})
    finding, in_force = judge(CONTROL, host)
    assert (finding.result, finding.message) == ("fail", "libvirtd-tcp.socket listens: 16509")
    assert (finding.fix[0].document.name, finding.fix[0].edit) == ("libvirtd-tcp.socket", SetState("disabled"))
    assert finding.fix[0].safety == "disruptive"
    assert in_force.result == "pass"


def test_a_unit_whose_file_is_not_known_counts_with_its_usual_port() -> None:
    assert judge(CONTROL, remote_host("", enabled={"libvirtd-tcp.socket": "enabled"}))[0].message.endswith(
        ": 16509"
    )


def test_listen_in_the_arguments_makes_the_conf_file_count() -> None:
    conf = 'listen_tcp = 1\ntcp_port = "16510"\nlisten_addr = "192.0.2.7"\n'
    finding, _ = judge(CONTROL, remote_host(conf, files=LISTENING))
    assert finding.message == "listen_tcp is 1: 192.0.2.7:16510"
    assert finding.fix[0].edit == SetConf("listen_tcp", 0)
    assert [e.where for e in finding.evidence] == ["/etc/libvirt/libvirtd.conf:1", "/etc/default/libvirtd:1"]
    assert results(CONTROL, remote_host(conf)) == ["pass", "pass"]


@pytest.mark.parametrize("words", ["--listen", "-l", "-dl", "--lis", "-d -l -v"])
def test_every_spelling_of_listen_is_known(words: str) -> None:
    files = {"/etc/sysconfig/libvirtd": f'LIBVIRTD_ARGS="{words}"\n'}
    assert results(CONTROL, remote_host("listen_tcp = 1\n", files=files))[0] == "fail"


@pytest.mark.parametrize("words", ["--verbose", "-p l", "-fl", "--", "-v l"])
def test_other_arguments_are_not_taken_for_it(words: str) -> None:
    files = {"/etc/sysconfig/libvirtd": f'LIBVIRTD_ARGS="{words}"\n'}
    assert results(CONTROL, remote_host("listen_tcp = 1\n", files=files))[0] == "pass"


def test_virtproxyd_listens_by_its_conf_file_where_no_socket_activates_it() -> None:
    assert results(CONTROL, remote_host("listen_tcp = 1\n", libvirt=MODULAR))[0] == "fail"
    unit = {f"{SYSTEM}/virtproxyd.socket": TCP_SOCKET}
    activated = remote_host(
        "listen_tcp = 1\n", files=unit, enabled={"virtproxyd.socket": "enabled"}, libvirt=MODULAR
    )
    assert results(CONTROL, activated)[0] == "pass"


def test_the_loopback_address_is_not_the_network() -> None:
    conf = 'listen_tcp = 1\nlisten_addr = "127.0.0.1"\n'
    ss = 'tcp LISTEN 0 128 127.0.0.1:16509 0.0.0.0:* users:(("libvirtd",pid=900,fd=12))\n'
    assert results(CONTROL, remote_host(conf, files=LISTENING, ss=ss)) == ["pass", "pass"]


def test_an_open_port_fails_in_force_whatever_the_files_say() -> None:
    on_disk, in_force = judge(CONTROL, remote_host("", ss=OPEN))
    assert (on_disk.result, in_force.result, in_force.message) == (
        "pass",
        "fail",
        "plain TCP is offered on *:16509",
    )


def test_what_is_open_is_closed_where_it_is_set_up() -> None:
    held = 'tcp LISTEN 0 128 *:16509 *:* users:(("systemd",pid=1,fd=12))\n'
    unit, enabled = {**DEBIAN}, {"libvirtd-tcp.socket": "enabled"}
    by_unit = judge(CONTROL, remote_host("", files=unit, enabled=enabled, ss=held))[1]
    listed = {SS: held, SOCKETS: "[::]:16509 libvirtd-tcp.socket libvirtd.service\n"}
    seen = judge(CONTROL, made(MONOLITHIC, units({}), files={}, commands=listed))[1]
    assert (str(seen.fix[0].document), seen.fix[0].edit) == ("unit libvirtd-tcp.socket", SetState("disabled"))
    by_conf = judge(CONTROL, remote_host("listen_tcp = 1\n", files=LISTENING, ss=OPEN))[1]
    by_nothing = judge(CONTROL, remote_host("", ss=OPEN))[1]
    refused = judge(CONTROL, remote_host(Unknown("denied"), files=LISTENING, ss=OPEN))[1]
    edits = [finding.fix[0].edit for finding in (by_unit, by_conf, by_nothing, refused)]
    assert edits[:2] == [SetState("disabled"), SetConf("listen_tcp", 0)]
    assert [type(edit) for edit in edits[2:]] == [Do, Do]


def test_a_socket_unit_that_holds_the_port_is_what_is_closed() -> None:
    probed = remote_host("", files=DEBIAN, ss=OPEN).get(Listeners)
    held = replace(probed, listeners=tuple(replace(each, unit="libvirtd-tcp.socket") for each in probed.listeners))
    in_force = judge(CONTROL, remote_host("", held, files=DEBIAN))[1]
    assert [(str(change.document), change.edit) for change in in_force.fix] == [
        ("unit libvirtd-tcp.socket", SetState("disabled"))
    ]


def test_a_port_that_another_program_holds_is_not_libvirts() -> None:
    assert results(CONTROL, remote_host("", ss=OPEN.replace("libvirtd", "haproxy")))[1] == "pass"


def test_one_side_that_cannot_be_read_leaves_the_other() -> None:
    refused = Unknown("/etc/libvirt/libvirtd.conf: permission denied")
    assert results(CONTROL, remote_host(refused, files=LISTENING, ss=OPEN)) == ["unknown", "fail"]
    assert results(CONTROL, remote_host("", ss=Unknown("no ss here"))) == ["pass", "unknown"]
