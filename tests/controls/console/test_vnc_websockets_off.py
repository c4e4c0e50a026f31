"""VNC consoles open no websocket port."""

import pytest

from tests.consoles import mended, of_xml
from tests.kit import domain, guest, guests, judge, made, results
from virtwarden.controls.console.vnc_websockets_off import CONTROL
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf


@pytest.mark.parametrize(("port", "where"), [("-1", "a port that libvirt picks"), ("5700", "port 5700")])
def test_a_websocket_fails(port: str, where: str) -> None:
    (finding,) = judge(CONTROL, made(guests(guest(f"<graphics type='vnc' websocket='{port}'/>"))))
    assert (finding.result, finding.message) == ("fail", f"VNC has a websocket on {where}")
    healed = mended(domain(f"<graphics type='vnc' websocket='{port}'/>"), *finding.fix)
    assert results(CONTROL, made(guests(of_xml(healed)))) == ["pass"]


def test_none_passes_and_no_console_is_not_applicable() -> None:
    assert results(CONTROL, made(guests(guest("<graphics type='vnc'/>", running=True)))) == ["pass", "pass"]
    assert results(CONTROL, made(guests(guest()))) == ["notapplicable"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
