"""No console listens on every address of the host."""

import pytest

from tests.kit import guest, guests, judge, made, results
from tests.remotehost import MONOLITHIC
from virtwarden.controls.console.consoles_listen_narrowly import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf


@pytest.mark.parametrize("key", ["vnc_listen", "spice_listen", "rdp_listen"])
def test_every_address_in_qemu_conf_fails_with_the_fix(key: str) -> None:
    (finding,) = [
        f
        for f in judge(
            CONTROL, made(guests(), MONOLITHIC, files={"/etc/libvirt/qemu.conf": f'{key} = "0.0.0.0"\n'})
        )
        if f.result == "fail"
    ]
    assert (finding.message, finding.fix[0].edit) == (
        f"{key} is 0.0.0.0, every address",
        SetConf(key, "127.0.0.1"),
    )


@pytest.mark.parametrize(
    ("console", "result"),
    [
        ("<graphics type='vnc' listen='0.0.0.0'/>", "fail"),
        ("<graphics type='spice'><listen type='address' address='::'/></graphics>", "fail"),
        ("<graphics type='vnc' listen='*'/>", "fail"),
        ("<graphics type='vnc' listen='192.0.2.7'/>", "pass"),
        ("<graphics type='vnc'><listen type='socket'/></graphics>", "pass"),
    ],
)
def test_each_guests_console_is_judged(console: str, result: str) -> None:
    finding = judge(CONTROL, made(guests(guest(console)), QemuConf()))[-1]
    assert finding.result == result
    assert [type(change.edit) for change in finding.fix] == ([Do] if result == "fail" else [])


def test_tls_makes_no_difference_and_running_guests_count() -> None:
    conf = QemuConf(vnc_tls=True, vnc_tls_x509_verify=True)
    console = guests(guest("<graphics type='vnc' listen='0.0.0.0'/>", running=True))
    assert results(CONTROL, made(console, conf))[-2:] == ["fail", "fail"]


def test_a_guest_that_leaves_it_to_qemu_conf_is_fixed_there() -> None:
    finding = judge(CONTROL, made(guests(guest("<graphics type='vnc'/>")), QemuConf(vnc_listen="::")))[-1]
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("vnc_listen", "127.0.0.1"))


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
