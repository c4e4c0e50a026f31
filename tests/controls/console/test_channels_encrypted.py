"""Consoles, channels and disks that cross the network do so over TLS, and QEMU's monitor does not at all."""

import pytest

from tests.kit import domain, guest, guests, judge, made, results
from virtwarden.controls.console.channels_encrypted import CONTROL
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.formats import xmltext
from virtwarden.host import Text
from virtwarden.model import State


def serial(source: str, protocol: str = "raw", kind: str = "tcp") -> str:
    return f"<serial type='{kind}'>{source}<protocol type='{protocol}'/><target port='0'/></serial>"


def nbd(attributes: str = "", host: str = "<host name='store.example.com' port='10809'/>") -> str:
    source = f"<source protocol='nbd' name='vol' {attributes}>{host}</source>"
    return f"<disk type='network' device='disk'>{source}<target dev='vda'/></disk>"


@pytest.mark.parametrize(
    ("device", "conf", "result"),
    [
        (serial("<source mode='bind' host='0.0.0.0' service='2445'/>"), QemuConf(), "fail"),
        (serial("<source mode='bind' host='0.0.0.0' service='2445' tls='yes'/>"), QemuConf(), "pass"),
        (serial("<source mode='bind' host='0.0.0.0' service='2445'/>"), QemuConf(chardev_tls=True), "pass"),
        (
            serial("<source mode='bind' host='0.0.0.0' service='2445' tls='no'/>"),
            QemuConf(chardev_tls=True),
            "fail",
        ),
        (serial("<source mode='bind' service='2445'/>"), QemuConf(), "fail"),
        (serial("<source mode='connect' service='2445'/>"), QemuConf(), "notapplicable"),
        (serial("<source mode='bind' host='127.0.0.1' service='2445'/>"), QemuConf(), "notapplicable"),
        (serial("<source mode='bind' path='/run/x'/>", kind="unix"), QemuConf(), "notapplicable"),
        (nbd(), QemuConf(), "fail"),
        (nbd("tls='yes'"), QemuConf(), "pass"),
        (nbd(), QemuConf(nbd_tls=True), "pass"),
        (
            "<disk type='file'><source file='/x'/><backingStore type='network'><format type='raw'/>"
            "<source protocol='nbd' name='v'><host name='store' port='10809'/></source></backingStore>"
            "<target dev='vda'/></disk>",
            QemuConf(),
            "fail",
        ),
        (nbd(host="<host transport='unix' socket='/run/nbd'/>"), QemuConf(), "notapplicable"),
        (nbd(host="<host name='localhost'/>"), QemuConf(), "notapplicable"),
        ("<disk type='file'><source file='/x'/><target dev='vda'/></disk>", QemuConf(), "notapplicable"),
    ],
)
def test_the_source_and_qemu_conf_decide(device: str, conf: QemuConf, result: str) -> None:
    assert results(CONTROL, made(guests(guest(device)), conf)) == [result]


def test_telnet_is_named_and_both_ends_of_udp_are_judged() -> None:
    telnet = serial("<source mode='bind' host='0.0.0.0' service='2445'/>", "telnet")
    assert (
        judge(CONTROL, made(guests(guest(telnet)), QemuConf()))[0].message
        == "telnet to 0.0.0.0:2445 is in the clear"
    )
    ends = "<source mode='bind' service='1'/><source mode='connect' host='192.0.2.9' service='2'/>"
    udp = f"<serial type='udp'>{ends}</serial>"
    findings = judge(CONTROL, made(guests(guest(udp)), QemuConf(chardev_tls=True)))
    assert [f.message for f in findings] == ["udp to *:1 is in the clear", "udp to 192.0.2.9:2 is in the clear"]


def test_a_serial_device_that_stands_there_as_a_console_too_is_judged_once() -> None:
    device = serial("<source mode='bind' host='0.0.0.0' service='2445'/>")
    both = device + device.replace("serial", "console")
    assert results(CONTROL, made(guests(guest(both, running=True)), QemuConf())) == ["fail", "fail"]


def with_arguments(*arguments: str) -> Guest:
    values = "".join(f"<qemu:arg value='{argument}'/>" for argument in arguments)
    commandline = f"<qemu:commandline>{values}<qemu:env name='A' value='-s'/></qemu:commandline>"
    xml = domain(extra=commandline).replace(
        "<domain ", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' "
    )
    text = Text("/etc/libvirt/qemu/web.xml", xml, guest().latest.text.at)
    return Guest("web", "", Definition(xmltext.parse(xml), State.ON_DISK, text))


@pytest.mark.parametrize(
    ("arguments", "result"),
    [
        (("-qmp", "tcp:0.0.0.0:4444,server,nowait"), "fail"),
        (("-qmp", "tcp:[::]:4444,server"), "fail"),
        (("-monitor", "telnet::5555,server"), "fail"),
        (("--gdb", "tcp::1234"), "fail"),
        (("-s",), "fail"),
        (("-chardev", "socket,id=c,host=0.0.0.0,port=4444,server=on"), "fail"),
        (("-chardev", "socket,id=c,host=0.0.0.0,port=4444,server=on,tls-creds=t0"), "notapplicable"),
        (("-chardev", "socket,id=c,path=/run/x"), "notapplicable"),
        (("-qmp", "tcp:127.0.0.1:4444,server"), "fail"),
        (("-serial", "tcp:127.0.0.1:4444,server"), "notapplicable"),
        (("-chardev", "socket,id=c,port=4444,server=on"), "fail"),
        (("-chardev", "udp,id=c,port=4444"), "fail"),
        (("-chardev", "socket,id=c,host=localhost,port=4444,server=on"), "notapplicable"),
        (("-chardev", "socket,id=c,host=localhost,port=4444,server=on", "-mon", "chardev=c,mode=control"), "fail"),
        (("-chardev", "socket,id=c,path=/run/c,server=on", "-mon", "chardev=c,mode=control"), "notapplicable"),
        (("-vnc", "0.0.0.0:7"), "fail"),
        (("-vnc", ":7"), "fail"),
        (("-display", "vnc=:7"), "fail"),
        (("-display", "gtk"), "notapplicable"),
        (("-vnc", "127.0.0.1:7"), "notapplicable"),
        (("-vnc", "unix:/run/vnc"), "notapplicable"),
        (("-vnc", ":7,tls-creds=t0"), "notapplicable"),
        (("-spice", "port=5930,disable-ticketing=on"), "fail"),
        (("-spice", "addr=127.0.0.1,port=5930"), "notapplicable"),
        (("-spice", "tls-port=5931,x509-dir=/etc/pki"), "notapplicable"),
        (("-qmp", "unix:/run/qmp,server"), "notapplicable"),
        (("-device", "tcp:0.0.0.0:1"), "notapplicable"),
    ],
)
def test_arguments_behind_libvirts_back_are_judged(arguments: tuple[str, ...], result: str) -> None:
    assert results(CONTROL, made(guests(with_arguments(*arguments)), QemuConf())) == [result]


def test_where_it_cannot_be_told_which_guests_run_that_is_unknown() -> None:
    host = made(Guests((), liveness="/run is not part of an image"), QemuConf())
    assert results(CONTROL, host)[-1] == "unknown"
