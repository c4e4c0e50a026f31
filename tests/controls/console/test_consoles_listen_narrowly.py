"""No console listens on every address of the host."""

from typing import Literal

import pytest

from tests.consoles import mended, of_xml
from tests.kit import domain, guest, guests, judge, made, results
from tests.remotehost import MONOLITHIC
from virtwarden.controls.console.consoles_listen_narrowly import CONTROL
from virtwarden.edits import Do, SetAttribute, SetConf
from virtwarden.facts.guests import Guests
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Console, Policy, Remote
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
    assert bool(finding.fix) is (result == "fail")


EVERYWHERE = (
    "<graphics type='{0}' port='-1' autoport='yes' listen='0.0.0.0'>"
    "<listen type='address' address='0.0.0.0'/></graphics>"
)


@pytest.mark.parametrize("kind", ["vnc", "spice"])
@pytest.mark.parametrize(
    ("wanted", "left"),
    [
        ("socket", "<listen type='socket'/>"),
        ("loopback", "<listen type='address' address='127.0.0.1'/>"),
        ("management", "<listen type='address' address='192.0.2.10'/>"),
    ],
)
def test_a_guests_console_goes_where_the_policy_says(
    kind: str, wanted: Literal["socket", "loopback", "management"], left: str
) -> None:
    policy = Policy(console=Console(listen=wanted), remote=Remote(listen="192.0.2.10"))
    xml = domain(EVERYWHERE.format(kind))
    finding = judge(CONTROL, made(guests(of_xml(xml)), QemuConf(), policy))[-1]
    healed = mended(xml, *finding.fix)
    assert left in healed
    assert "0.0.0.0" not in healed
    assert results(CONTROL, made(guests(of_xml(healed)), QemuConf(), policy))[-1] == "pass"


def test_without_a_management_address_a_person_names_it() -> None:
    policy = Policy(console=Console(listen="management"))
    host = made(guests(guest("<graphics type='vnc' listen='0.0.0.0'/>")), QemuConf(), policy)
    assert isinstance(judge(CONTROL, host)[-1].fix[0].edit, Do)


def test_rdp_knows_no_socket_and_goes_to_the_loopback_address() -> None:
    host = made(guests(guest("<graphics type='rdp' listen='0.0.0.0'/>")), QemuConf())
    (change,) = judge(CONTROL, host)[-1].fix
    assert change.edit == SetAttribute("devices/graphics[@type='rdp']", "listen", "127.0.0.1")


def test_tls_makes_no_difference_and_running_guests_count() -> None:
    conf = QemuConf(vnc_tls=True, vnc_tls_x509_verify=True)
    console = guests(guest("<graphics type='vnc' listen='0.0.0.0'/>", running=True))
    assert results(CONTROL, made(console, conf))[-2:] == ["fail", "fail"]


def test_a_guest_that_leaves_it_to_qemu_conf_is_fixed_there() -> None:
    finding = judge(CONTROL, made(guests(guest("<graphics type='vnc'/>")), QemuConf(vnc_listen="::")))[-1]
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("vnc_listen", "127.0.0.1"))


def test_a_running_guest_that_has_its_address_from_qemu_conf_is_fixed_there() -> None:
    console = "<graphics type='vnc'><listen type='address' address='0.0.0.0' fromConfig='1'/></graphics>"
    finding = judge(CONTROL, made(guests(guest(console)), QemuConf()))[-1]
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("vnc_listen", "127.0.0.1"))


def test_qemu_confs_address_becomes_the_one_that_the_policy_wants() -> None:
    conf = QemuConf(vnc_listen="0.0.0.0")
    for address in ("192.0.2.10", None):
        policy = Policy(remote=Remote(transport="tls", listen=address))
        found = judge(CONTROL, made(guests(guest("<graphics type='vnc'/>")), conf, policy))
        edits = [each.fix[0].edit for each in found if each.result == "fail"]
        assert len(edits) == 2
        assert all(edit == SetConf("vnc_listen", address) if address else isinstance(edit, Do) for edit in edits)


@pytest.mark.parametrize("kind", ["vnc", "spice"])
def test_a_libvirt_that_knows_no_sockets_gets_none(kind: str) -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 10, 2))
    xml = domain(EVERYWHERE.format(kind))
    finding = judge(CONTROL, made(guests(of_xml(xml)), QemuConf(), old))[-1]
    assert "address='127.0.0.1'" in mended(xml, *finding.fix)
    wanted = Policy(console=Console(listen="socket"))
    finding = judge(CONTROL, made(guests(of_xml(xml)), QemuConf(), old, wanted))[-1]
    assert isinstance(finding.fix[0].edit, Do)


def test_a_listen_element_without_an_address_has_the_attributes() -> None:
    console = "<graphics type='vnc' listen='0.0.0.0'><listen type='address'/></graphics>"
    assert results(CONTROL, made(guests(guest(console)), QemuConf()))[-1] == "fail"


@pytest.mark.parametrize("kind", ["sdl", "egl-headless", "dbus"])
def test_a_window_on_the_host_listens_nowhere(kind: str) -> None:
    finding = judge(CONTROL, made(guests(guest(f"<graphics type='{kind}'/>")), QemuConf()))[-1]
    assert (finding.result, finding.message) == ("pass", f"{kind.upper()} listens nowhere")


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"


def test_where_the_transport_is_tls_consoles_go_to_the_management_address() -> None:
    policy = Policy(remote=Remote(transport="tls", listen="192.0.2.10"))
    host = made(guests(guest("<graphics type='vnc' listen='0.0.0.0'/>")), QemuConf(), policy)
    (change,) = judge(CONTROL, host)[-1].fix
    assert change.edit == SetAttribute("devices/graphics[@type='vnc']", "listen", "192.0.2.10")
