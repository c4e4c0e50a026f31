"""VNC consoles that can be reached from the network require TLS and a client certificate."""

from tests.kit import guest, guests, judge, made, results
from virtwarden.controls.console.vnc_requires_tls import CONTROL
from virtwarden.facts.qemu_conf import QemuConf

OPEN = "<graphics type='vnc' port='5901' listen='0.0.0.0'/>"
VERIFIED = QemuConf(vnc_tls=True, vnc_tls_x509_verify=True)


def test_a_console_in_the_clear_on_every_address_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(OPEN)), QemuConf()))
    assert (finding.result, finding.message) == ("fail", "VNC on 0.0.0.0 is in the clear")
    assert [change.edit.key for change in finding.fix] == ["vnc_tls", "vnc_tls_x509_verify"]  # type: ignore[union-attr]


def test_tls_without_a_client_certificate_fails() -> None:
    assert results(CONTROL, made(guests(guest(OPEN)), QemuConf(vnc_tls=True))) == ["fail"]


def test_tls_with_a_client_certificate_passes() -> None:
    assert results(CONTROL, made(guests(guest(OPEN)), VERIFIED)) == ["pass"]


def test_the_default_for_verifying_counts_where_vnc_has_none() -> None:
    conf = QemuConf(vnc_tls=True, default_tls_x509_verify=True)
    assert results(CONTROL, made(guests(guest(OPEN)), conf)) == ["pass"]


def test_a_running_guest_is_judged_in_both_states() -> None:
    assert results(CONTROL, made(guests(guest(OPEN, running=True)), QemuConf())) == ["fail", "fail"]


def test_loopback_and_sockets_pass() -> None:
    local = "<graphics type='vnc' port='-1'/>"
    socket = "<graphics type='vnc'><listen type='socket' socket='/run/x'/></graphics>"
    assert results(CONTROL, made(guests(guest(local), guest(socket, name="db")), QemuConf())) == ["pass", "pass"]


def test_automatic_sockets_take_the_place_of_a_missing_address() -> None:
    conf = QemuConf(vnc_auto_unix_socket=True, vnc_listen="0.0.0.0")
    assert results(CONTROL, made(guests(guest("<graphics type='vnc' port='-1'/>")), conf)) == ["pass"]
