"""VNC consoles that can be reached from the network require TLS and a client that proves who it is."""

import pytest

from tests.consoles import TLS_CREDS, credentials, mended, of_xml, process
from tests.kit import domain, guest, guests, judge, made, results
from virtwarden.controls.console.vnc_requires_tls import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy, Remote
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Unknown

OPEN = "<graphics type='vnc' port='5901' listen='0.0.0.0'/>"
PASSWORD = QemuConf(vnc_tls=True, vnc_password="[redacted]")
CHOSEN = OPEN.replace("0.0.0.0", "192.0.2.7")
CERTIFICATE = credentials("/etc/pki/libvirt-vnc")
VERIFIED = QemuConf(vnc_tls=True, vnc_tls_x509_verify=True)


@pytest.mark.parametrize(
    ("console", "policy"), [(CHOSEN, Policy()), (OPEN, Policy(remote=Remote(transport="tls")))]
)
def test_a_console_that_is_to_be_reached_from_elsewhere_is_to_take_tls(console: str, policy: Policy) -> None:
    (finding,) = judge(CONTROL, made(guests(guest(console)), QemuConf(), policy, files=CERTIFICATE))
    assert (finding.result, finding.message.partition(" is ")[2]) == ("fail", "in the clear")
    assert [change.edit for change in finding.fix] == [SetConf("vnc_tls", 1), SetConf("vnc_tls_x509_verify", 1)]
    assert {change.safety for change in finding.fix} == {"disruptive"}


def test_a_console_in_the_clear_on_every_address_goes_off_the_network() -> None:
    xml = domain(OPEN)
    (finding,) = judge(CONTROL, made(guests(of_xml(xml)), QemuConf(), files=CERTIFICATE))
    assert (finding.result, finding.message) == ("fail", "VNC on 0.0.0.0 is in the clear")
    assert results(CONTROL, made(guests(of_xml(mended(xml, *finding.fix))), QemuConf())) == ["pass"]


def test_a_password_is_named_and_only_what_is_missing_is_set() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(OPEN)), PASSWORD, files=CERTIFICATE))
    assert finding.message == "VNC on 0.0.0.0 takes TLS and asks only for a password"
    assert [change.edit for change in finding.fix] == [SetConf("vnc_tls_x509_verify", 1)]


def test_guests_would_not_start_without_a_certificate() -> None:
    (finding,) = judge(CONTROL, made(guests(guest(CHOSEN)), QemuConf(vnc_tls_x509_cert_dir="/srv/pki/")))
    assert finding.fix[0].edit == Do(
        "put ca-cert.pem, server-cert.pem and server-key.pem, readable for QEMU's group, into /srv/pki"
    )
    (finding,) = judge(CONTROL, made(guests(guest(CHOSEN)), QemuConf(), files=credentials("/etc/pki/qemu")))
    assert len(finding.fix) == 2


@pytest.mark.parametrize(
    ("conf", "files"),
    [
        (QemuConf(), {"/etc/pki/libvirt-vnc/ca-cert.pem": "", **credentials("/etc/pki/qemu")}),
        (QemuConf(vnc_tls_x509_cert_dir="/srv/pki"), credentials("/etc/pki/libvirt-vnc")),
        (QemuConf(), {"/etc/pki/libvirt-vnc/server-cert.pem": ""}),
    ],
)
def test_certificates_in_a_folder_that_libvirt_does_not_look_into_do_not_do(
    conf: QemuConf, files: dict[str, str]
) -> None:
    (finding,) = judge(CONTROL, made(guests(guest(CHOSEN)), conf, files=files))
    assert isinstance(finding.fix[0].edit, Do)


def test_a_guest_that_was_started_before_qemu_conf_was_mended_is_to_be_started_anew() -> None:
    running = guest(OPEN, running=True)
    old = process("-vnc", "0.0.0.0:1,password=on")
    disk, live = judge(CONTROL, made(guests(running), VERIFIED, old))
    assert (disk.result, live.result, live.message) == ("pass", "fail", "VNC on 0.0.0.0 is in the clear")
    assert isinstance(live.fix[0].edit, Do)


@pytest.mark.parametrize(
    ("conf", "result"),
    [
        (QemuConf(vnc_tls=True), "fail"),
        (VERIFIED, "pass"),
        (QemuConf(vnc_tls=True, default_tls_x509_verify=True), "pass"),
        (QemuConf(vnc_tls=True, vnc_tls_x509_verify=False, default_tls_x509_verify=True), "fail"),
        (QemuConf(vnc_tls=True, vnc_sasl=True), "pass"),
        (QemuConf(vnc_sasl=True), "fail"),
        (QemuConf(vnc_tls_x509_verify=True), "fail"),
    ],
)
def test_on_disk_qemu_conf_decides(conf: QemuConf, result: str) -> None:
    assert results(CONTROL, made(guests(guest(OPEN)), conf)) == [result]


@pytest.mark.parametrize(
    "console",
    [
        "<graphics type='vnc' port='-1'/>",
        "<graphics type='vnc'><listen type='socket' socket='/run/x'/></graphics>",
        "<graphics type='vnc'><listen type='none'/></graphics>",
        "<graphics type='vnc' listen='127.0.0.53'/>",
        "<graphics type='vnc' listen='::1'/>",
        "<graphics type='vnc' listen='localhost'/>",
    ],
)
def test_loopback_and_sockets_pass(console: str) -> None:
    assert results(CONTROL, made(guests(guest(console)), QemuConf())) == ["pass"]


@pytest.mark.parametrize(
    ("console", "where"),
    [
        ("<graphics type='vnc' listen='::'/>", "::"),
        ("<graphics type='vnc' listen='kvm7.example.com'/>", "kvm7.example.com"),
        (
            "<graphics type='vnc'><listen type='network' network='lan'/></graphics>",
            "the address of a libvirt network",
        ),
        ("<graphics type='vnc'><listen type='network' network='lan' address='10.0.0.1'/></graphics>", "10.0.0.1"),
        (
            "<graphics type='vnc'><listen type='address' address='127.0.0.1'/>"
            "<listen type='address' address='192.0.2.7'/></graphics>",
            "192.0.2.7",
        ),
    ],
)
def test_every_listen_element_counts(console: str, where: str) -> None:
    (finding,) = judge(CONTROL, made(guests(guest(console)), QemuConf()))
    assert finding.message == f"VNC on {where} is in the clear"


def test_a_missing_address_is_qemu_confs_unless_sockets_are_automatic() -> None:
    console = guests(guest("<graphics type='vnc' port='-1'/>"))
    assert results(CONTROL, made(console, QemuConf(vnc_listen="0.0.0.0"))) == ["fail"]
    automatic = QemuConf(vnc_auto_unix_socket=True, vnc_listen="0.0.0.0")
    assert results(CONTROL, made(console, automatic)) == ["pass"]


@pytest.mark.parametrize(
    ("argv", "result"),
    [
        (("-vnc", "0.0.0.0:1,audiodev=audio1"), "fail"),
        (("-object", TLS_CREDS + ',"verify-peer":true}', "-vnc", "0.0.0.0:1,tls-creds=vnc-tls-creds0"), "pass"),
        (("-object", TLS_CREDS + ',"verify-peer":false}', "-vnc", "0.0.0.0:1,tls-creds=vnc-tls-creds0"), "fail"),
        (
            ("-object", TLS_CREDS + ',"verify-peer":false}', "-vnc", "[::]:1,tls-creds=vnc-tls-creds0,sasl=on"),
            "pass",
        ),
        (
            ("-object", "tls-creds-x509,id=vnc-tls-creds0,verify-peer=yes", "-vnc", ":1,tls-creds=vnc-tls-creds0"),
            "pass",
        ),
        (
            ("-object", "tls-creds-x509,id=vnc-tls-creds0,verify-peer=no", "-vnc", ":1,tls-creds=vnc-tls-creds0"),
            "fail",
        ),
        (("-object", "{tls-creds-x509", "-vnc", "0.0.0.0:1,tls-creds=vnc-tls-creds0"), "fail"),
        (("-object", '["tls-creds-x509"]', "-vnc", "0.0.0.0:1,tls-creds=vnc-tls-creds0"), "fail"),
        (("-vnc", "0.0.0.0:1,password,tls,x509verify=/etc/pki/libvirt-vnc"), "pass"),
        (("-vnc", "0.0.0.0:1,tls,x509=/etc/pki/libvirt-vnc"), "fail"),
        (("-vnc", "0.0.0.0:1,tls,x509=/etc/pki/libvirt-vnc,sasl"), "pass"),
        (("-vnc", "0.0.0.0:1,sasl=off"), "fail"),
        (("-display", "none"), "unknown"),
        ((), "unknown"),
    ],
)
def test_in_force_the_command_line_decides(argv: tuple[str, ...], result: str) -> None:
    host = made(guests(guest(OPEN, running=True)), VERIFIED, process(*argv))
    findings = judge(CONTROL, host)
    assert [(f.result.value, f.state and f.state.value) for f in findings] == [
        ("pass", "on disk"),
        (result, "in force"),
    ]


def test_a_guest_that_has_ended_and_processes_that_cannot_be_seen_are_unknown() -> None:
    running = guests(guest(OPEN, running=True))
    assert results(CONTROL, made(running, QemuConf(), GuestProcesses({}))) == ["fail", "unknown"]
    host = made(running, QemuConf())
    host._refusals[GuestProcesses] = Unknown("/proc is not there")
    assert results(CONTROL, host) == ["fail", "unknown"]


def test_no_console_is_not_applicable() -> None:
    assert results(CONTROL, made(guests(guest()), QemuConf())) == ["notapplicable"]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
