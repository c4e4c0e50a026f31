"""How libvirt's daemons are started: units with drop-ins, arguments, and hosts without systemd."""

import pytest

from tests.kit import entry, made
from tests.remotehost import DEBIAN, MODULAR, MONOLITHIC, SYSTEM
from virtwarden.facts.daemon_conf import DaemonConfs
from virtwarden.facts.daemon_units import DaemonUnits, Service
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Absent, Unknown

File = str | bytes | Unknown | Absent


def units(files: dict[str, File], libvirt: Libvirt = MONOLITHIC) -> DaemonUnits:
    return made(libvirt, files=files).get(DaemonUnits)


def test_what_lies_in_etc_masks_the_packaged_file_and_drop_ins_go_over_both() -> None:
    files: dict[str, File] = {
        **DEBIAN,
        "/etc/systemd/system/libvirtd.socket": "[Socket]\nListenStream=/run/a\nSocketMode=0600\n",
        "/run/systemd/system/libvirtd.socket.d/20.conf": "[Socket]\nListenStream=/run/c\n",
        f"{SYSTEM}/libvirtd.socket.d/10.conf": "[Socket]\nListenStream=/run/masked\n",
        "/etc/systemd/system/libvirtd.socket.d/10.conf": "[Socket]\nListenStream=\nListenStream=/run/b\n",
    }
    unit = units(files).socket("libvirtd.socket")
    assert unit is not None
    assert (unit.streams, unit.mode) == (("/run/b", "/run/c"), 0o600)
    assert unit.evidence.where == "/run/systemd/system/libvirtd.socket.d/20.conf:2"


def test_a_mode_that_is_none_and_no_stream_are_as_systemd_takes_them() -> None:
    unit = units({f"{SYSTEM}/libvirtd.socket": "[Socket]\nSocketMode=all\n"}).socket("libvirtd.socket")
    assert unit is not None
    assert (unit.mode, unit.evidence.text) == (0o666, "no ListenStream")


def test_a_masked_unit_is_none() -> None:
    path = "/etc/systemd/system/libvirtd.socket"
    host = made(MONOLITHIC, files={**DEBIAN, path: ""}, stats=[entry(path, real="/dev/null", kind="char")])
    assert host.get(DaemonUnits).socket("libvirtd.socket") is None
    service = "/etc/systemd/system/libvirtd.service"
    host = made(MONOLITHIC, files={**DEBIAN, service: ""}, stats=[entry(service, real="/dev/null", kind="char")])
    assert host.get(DaemonUnits).service("libvirtd") == Service()


@pytest.mark.parametrize(
    ("files", "arguments"),
    [
        (DEBIAN, ("--timeout", "120")),
        ({**DEBIAN, "/etc/default/libvirtd": "LIBVIRTD_ARGS='--listen -v'\n"}, ("--listen", "-v")),
        ({**DEBIAN, "/etc/sysconfig/libvirtd": "LIBVIRTD_ARGS=--listen\n"}, ("--timeout", "120")),
        (
            {f"{SYSTEM}/libvirtd.service": "[Service]\nExecStart=/usr/sbin/libvirtd --listen $NONE\n"},
            ("--listen",),
        ),
        ({"/etc/sysconfig/libvirtd": "LIBVIRTD_ARGS=--listen\n"}, ("--listen",)),
        ({"/etc/default/libvirt-bin": 'libvirtd_opts="-d -l"\n'}, ("-d", "-l")),
        ({"/etc/default/libvirtd": 'LIBVIRTD_ARGS="it\'s"\n'}, ("it's",)),
        ({}, ()),
    ],
)
def test_arguments_come_from_the_unit_or_the_file_that_it_names(
    files: dict[str, File], arguments: tuple[str, ...]
) -> None:
    assert units(files).service("libvirtd").arguments == arguments


@pytest.mark.parametrize(
    ("text", "config"),
    [
        ("LIBVIRTD_ARGS='-f /srv/a.conf'\n", "/srv/a.conf"),
        ("LIBVIRTD_ARGS='--config /srv/a.conf -v'\n", "/srv/a.conf"),
        ("LIBVIRTD_ARGS='-v --config=/srv/a.conf'\n", "/srv/a.conf"),
        ("LIBVIRTD_CONFIG=/srv/a.conf\n", "/srv/a.conf"),
        ("LIBVIRTD_ARGS='-f'\n", None),
    ],
)
def test_another_conf_file_may_be_named(text: str, config: str | None) -> None:
    files: dict[str, File] = {"/etc/sysconfig/libvirtd": text, "/srv/a.conf": "listen_tcp = 1\n"}
    host = made(MONOLITHIC, files=files)
    assert host.get(DaemonUnits).service("libvirtd").config == config
    assert host.get(DaemonConfs).of("libvirtd").listen_tcp is (config is not None)


@pytest.mark.parametrize(
    "files",
    [
        {f"{SYSTEM}/libvirtd.socket": "[Socket\n", f"{SYSTEM}/libvirtd.service": "[Service\n"},
        {f"{SYSTEM}/libvirtd.socket": Unknown("denied"), f"{SYSTEM}/libvirtd.service": Unknown("denied")},
        {f"{SYSTEM}/libvirtd.socket": Absent("gone"), "/etc/default/libvirtd": "LIBVIRTD_ARGS='x\n"},
    ],
)
def test_what_cannot_be_read_is_unknown_and_leaves_the_rest(files: dict[str, File]) -> None:
    host = made(MONOLITHIC, files=files, stats=[entry(f"{SYSTEM}/libvirtd.socket")])
    found = host.get(DaemonUnits)
    with pytest.raises(Unknown):
        found.socket("libvirtd.socket")
    with pytest.raises(Unknown):
        found.service("libvirtd")
    assert found.socket("libvirtd-tls.socket") is None


def test_a_directory_that_cannot_be_listed_is_unknown_unless_it_is_this_boots() -> None:
    with pytest.raises(Unknown):
        units({f"{SYSTEM}/libvirtd*.socket": Unknown("denied")})
    assert units({"/run/systemd/system/libvirtd*.socket": Unknown("not in an image")}).sockets == {}


def test_the_daemon_that_runs_the_guests_has_its_own_file() -> None:
    host = made(MODULAR, files={"/etc/libvirt/virtqemud.conf": "audit_level = 2\n"})
    assert host.get(DaemonConfs).qemu.audit_level == 2
    with pytest.raises(Absent):
        host.get(DaemonConfs).of("virtnetworkd")
