"""SPICE consoles that can be reached from the network speak TLS alone."""

import pytest

from tests.kit import guest, guests, judge, made, results
from virtwarden.controls.console.spice_requires_tls import CONTROL
from virtwarden.edits import SetAttribute
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf

BLUEPRINT = "<graphics type='spice' port='5908' tlsPort='5909' autoport='no' listen='0.0.0.0'/>"
SECURE = "<graphics type='spice' tlsPort='-1' autoport='yes' listen='192.0.2.7' defaultMode='secure'/>"
TLS = QemuConf(spice_tls=True)


def test_the_blueprints_console_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(BLUEPRINT)), TLS))
    assert finding.message == "SPICE on 0.0.0.0: the mode is any, the plain port 5908 is open"
    edits = [change.edit for change in finding.fix]
    assert SetAttribute("devices/graphics[@type='spice']", "defaultMode", "secure") in edits


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
