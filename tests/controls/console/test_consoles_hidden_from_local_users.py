"""Consoles that only the host can reach ask its users who they are."""

from dataclasses import replace
from typing import Literal

import pytest

from tests.consoles import TLS_CREDS, mended, of_xml, process
from tests.kit import domain, guest, guests, judge, made, results
from virtwarden.controls.console.consoles_hidden_from_local_users import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Console, Policy
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Text

VNC = "<graphics type='vnc' port='-1'/>"
SPICE = "<graphics type='spice' port='-1'/>"


def test_a_loopback_port_without_a_log_in_fails_and_the_fix_makes_it_a_socket() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(VNC)), QemuConf()))
    assert (finding.result, finding.message) == ("fail", "VNC on 127.0.0.1 is open to every user of the host")
    assert finding.fix[0].edit == SetConf("vnc_auto_unix_socket", 1)


@pytest.mark.parametrize(
    ("console", "conf"),
    [("<graphics type='vnc' passwd='[redacted]'/>", QemuConf()), (VNC, QemuConf(vnc_password="[redacted]"))],
)
def test_a_vnc_password_is_told_and_does_not_do(console: str, conf: QemuConf) -> None:
    (finding,) = judge(CONTROL, made(guests(guest(console)), conf))
    assert finding.message == "VNC on 127.0.0.1 asks the host's users for no more than a VNC password"


@pytest.mark.parametrize("kind", ["vnc", "spice"])
def test_an_address_in_the_xml_gives_way_to_a_socket(kind: str) -> None:
    console = f"<graphics type='{kind}' listen='127.0.0.1'><listen type='address' address='127.0.0.1'/></graphics>"
    (finding,) = judge(CONTROL, made(guests(guest(console)), QemuConf()))
    healed = mended(domain(console), *finding.fix)
    assert f"<graphics type='{kind}'>" in healed
    assert healed.count("<listen ") == 1
    assert results(CONTROL, made(guests(of_xml(healed)), QemuConf())) == ["pass"]


INSISTING = "<graphics type='spice' port='-1' defaultMode='secure'/>"


def test_a_socket_for_all_spice_consoles_is_not_asked_for_where_one_would_not_start() -> None:
    others = guest(INSISTING, name="vault")
    for finding in judge(CONTROL, made(guests(guest(SPICE), others), QemuConf())):
        xml = domain(SPICE if finding.subject.name == "web" else INSISTING)
        edits = [replace(change, document=replace(change.document, name="web")) for change in finding.fix]
        healed = mended(xml, *edits)
        assert "<listen type='socket'/>" in healed
        assert "secure" not in healed


@pytest.mark.parametrize("wanted", ["loopback", "management"])
def test_consoles_that_the_policy_wants_on_ports_get_no_sockets(wanted: Literal["loopback", "management"]) -> None:
    policy = Policy(console=Console(listen=wanted))
    (finding,) = judge(CONTROL, made(guests(guest(VNC)), QemuConf(), policy))
    assert isinstance(finding.fix[0].edit, Do)


def test_consoles_that_somebody_put_on_an_address_get_no_sockets() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(VNC)), QemuConf(vnc_listen="192.0.2.7")))
    assert isinstance(finding.fix[0].edit, Do)


def test_what_viewers_have_to_come_to_in_another_way_is_disruptive() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(VNC)), QemuConf()))
    assert [change.safety for change in finding.fix] == ["disruptive"]


def test_an_address_that_the_policy_wants_is_left_to_a_person() -> None:
    loopback = Policy(console=Console(listen="loopback"))
    for address, policy in (("127.0.0.1", loopback), ("192.0.2.7", Policy())):
        console = f"<graphics type='vnc' listen='{address}'/>"
        (finding,) = judge(CONTROL, made(guests(guest(console)), QemuConf(), policy))
        assert isinstance(finding.fix[0].edit, Do)


@pytest.mark.parametrize(
    ("console", "conf", "result"),
    [
        (VNC, QemuConf(vnc_auto_unix_socket=True), "pass"),
        ("<graphics type='vnc'><listen type='socket'/></graphics>", QemuConf(), "pass"),
        ("<graphics type='vnc'><listen type='none'/></graphics>", QemuConf(), "pass"),
        ("<graphics type='vnc' passwd='[redacted]'/>", QemuConf(), "fail"),
        (VNC, QemuConf(vnc_sasl=True), "pass"),
        (VNC, QemuConf(vnc_tls=True, vnc_tls_x509_verify=True), "pass"),
        (VNC, QemuConf(vnc_tls=True), "fail"),
        (SPICE, QemuConf(), "fail"),
        (SPICE, QemuConf(spice_sasl=True), "pass"),
        (SPICE, QemuConf(spice_password="[redacted]"), "pass"),
        ("<graphics type='spice' passwd='[redacted]'/>", QemuConf(), "pass"),
    ],
)
def test_on_disk_the_xml_and_qemu_conf_decide(console: str, conf: QemuConf, result: str) -> None:
    assert results(CONTROL, made(guests(guest(console)), conf)) == [result]


VERIFIED = ("-object", TLS_CREDS + "}", "-vnc", "127.0.0.1:0,tls-creds=vnc-tls-creds0")


@pytest.mark.parametrize(
    ("console", "argv", "result"),
    [
        (VNC, ("-vnc", "127.0.0.1:0,password=on"), "fail"),
        (VNC, ("-vnc", "127.0.0.1:0,sasl=on"), "pass"),
        (VNC, VERIFIED, "pass"),
        (SPICE, ("-spice", "port=5900,addr=127.0.0.1,disable-ticketing=on"), "fail"),
        (SPICE, ("-spice", "port=5900,addr=127.0.0.1,disable-ticketing,sasl=on"), "pass"),
        (SPICE, ("-spice", "port=5900,addr=127.0.0.1"), "pass"),
        (SPICE, ("-display", "none"), "unknown"),
    ],
)
def test_in_force_the_command_line_decides(console: str, argv: tuple[str, ...], result: str) -> None:
    host = made(guests(guest(console, running=True)), QemuConf(), process(*argv))
    assert results(CONTROL, host) == ["fail", result]


def test_what_libvirt_does_not_tell_is_unknown() -> None:
    told = guest(SPICE, running=True)
    assert told.on_disk is not None
    by_virsh = replace(told.on_disk, text=Text("virsh dumpxml", "", told.on_disk.text.at))
    host = made(guests(replace(told, on_disk=by_virsh)), QemuConf(), GuestProcesses({}))
    assert results(CONTROL, host) == ["unknown", "unknown"]


def test_no_console_is_not_applicable() -> None:
    assert results(CONTROL, made(guests(guest()), QemuConf())) == ["notapplicable"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
