"""SPICE consoles that can be reached from the network speak TLS alone."""

import pytest

from tests.consoles import credentials, mended, of_xml
from tests.kit import domain, guest, guests, judge, made, results
from virtwarden.controls.console.spice_requires_tls import CONTROL
from virtwarden.edits import SetAttribute, SetConf
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy, Remote
from virtwarden.facts.qemu_conf import QemuConf

BLUEPRINT = "<graphics type='spice' port='5908' tlsPort='5909' autoport='no' listen='0.0.0.0'/>"
SECURE = "<graphics type='spice' tlsPort='-1' autoport='yes' listen='192.0.2.7' defaultMode='secure'/>"
TLS = QemuConf(spice_tls=True)


def test_the_blueprints_console_fails_with_the_fix() -> None:
    policy = Policy(remote=Remote(transport="tls"))
    files = credentials("/etc/pki/libvirt-spice")
    (finding,) = judge(CONTROL, made(guests(guest(BLUEPRINT)), QemuConf(), policy, files=files))
    assert finding.message == "SPICE on 0.0.0.0: the mode is any, the plain port 5908 is open, spice_tls is off"
    edits = [change.edit for change in finding.fix]
    assert SetAttribute("devices/graphics[@type='spice']", "defaultMode", "secure") in edits
    assert SetConf("spice_tls", 1) in edits


@pytest.mark.parametrize("more", ["", " defaultMode='secure'"])
def test_a_console_on_every_address_goes_off_the_network_and_asks_for_no_tls_there(more: str) -> None:
    xml = domain(BLUEPRINT.replace("/>", f"{more}><channel name='main' mode='secure'/></graphics>"))
    (finding,) = judge(CONTROL, made(guests(of_xml(xml)), QemuConf()))
    healed = mended(xml, *finding.fix)
    assert "secure" not in healed
    assert results(CONTROL, made(guests(of_xml(healed)), QemuConf())) == ["pass"]


def test_a_console_that_leaves_its_place_to_qemu_conf_goes_off_the_network_there() -> None:
    conf = QemuConf(spice_listen="0.0.0.0")
    (finding,) = judge(CONTROL, made(guests(guest("<graphics type='spice' port='-1'/>")), conf))
    assert [change.edit for change in finding.fix] == [SetConf("spice_listen", "127.0.0.1")]


@pytest.mark.parametrize(
    ("console", "conf", "result"),
    [
        (SECURE, TLS, "pass"),
        (SECURE, QemuConf(), "fail"),
        (SECURE.replace("secure", "insecure"), TLS, "fail"),
        (SECURE.replace("/>", "><channel name='main' mode='secure'/></graphics>"), TLS, "pass"),
        (SECURE.replace("/>", "><channel name='main' mode='any'/></graphics>"), TLS, "fail"),
        (SECURE.replace("tlsPort='-1'", "port='5900' tlsPort='5901'"), TLS, "fail"),
        ("<graphics type='spice' listen='127.0.0.1'/>", QemuConf(), "pass"),
    ],
)
def test_mode_channels_and_port_decide(console: str, conf: QemuConf, result: str) -> None:
    assert results(CONTROL, made(guests(guest(console)), conf)) == [result]


def test_a_channel_in_the_clear_is_fixed_by_itself() -> None:
    console = SECURE.replace(
        "/>", "><channel name='main' mode='any'/><channel name='inputs' mode='secure'/></graphics>"
    )
    (finding,) = judge(CONTROL, made(guests(guest(console)), TLS))
    assert finding.message == "SPICE on 192.0.2.7: channels main may be in the clear"
    assert [c.edit for c in finding.fix][-1] == SetAttribute(
        "devices/graphics[@type='spice']/channel[@name='main']", "mode", "secure"
    )


def test_a_running_guest_is_judged_by_what_runs() -> None:
    assert results(CONTROL, made(guests(guest(SECURE, running=True)), QemuConf())) == ["fail", "pass"]


def test_no_spice_is_not_applicable() -> None:
    assert results(CONTROL, made(guests(guest("<graphics type='vnc'/>")), QemuConf())) == ["notapplicable"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
