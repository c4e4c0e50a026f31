"""What libvirt's conf files say is heeded."""

from tests.kit import judge, made, results
from tests.remotehost import DEBIAN, LISTENING, MODULAR, MONOLITHIC, SYSTEM, remote_host, units
from virtwarden.controls.remote.daemon_settings_heeded import CONTROL
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Unknown
from virtwarden.model import Evidence

ON = {"libvirtd.socket": "enabled"}


def test_a_socket_that_the_service_starts_counts_though_it_is_not_enabled() -> None:
    pulling = {
        f"{SYSTEM}/libvirtd.service": "[Unit]\nWants=virtlogd.socket libvirtd.socket\n[Service]\nType=notify\n"
    }
    host = remote_host('unix_sock_rw_perms = "0770"\n', files={**DEBIAN, **pulling})
    (finding,) = judge(CONTROL, host)
    assert finding.message == "unix_sock_rw_perms: not heeded, as libvirtd.socket opens the sockets"
    assert results(CONTROL, remote_host('unix_sock_rw_perms = "0770"\n', files=DEBIAN)) == ["pass"]


def test_a_file_without_such_keys_passes() -> None:
    assert results(CONTROL, remote_host('auth_unix_rw = "polkit"\n', files=DEBIAN, enabled=ON)) == ["pass"]


def test_keys_about_sockets_are_not_heeded_under_socket_activation() -> None:
    conf = 'unix_sock_group = "libvirt"\nlisten_tcp = 1\n'
    (finding,) = judge(CONTROL, remote_host(conf, files=DEBIAN, enabled=ON))
    assert finding.message == "listen_tcp, unix_sock_group: not heeded, as libvirtd.socket opens the sockets"
    assert [e.line for e in finding.evidence] == [2, 1]
    assert results(CONTROL, remote_host('unix_sock_group = "libvirt"\n')) == ["pass"]


def test_listen_beside_a_socket_unit_keeps_libvirtd_from_starting() -> None:
    (finding,) = judge(CONTROL, remote_host("", files={**DEBIAN, **LISTENING}, enabled=ON))
    assert finding.message == "--listen beside libvirtd.socket: libvirtd does not start"
    assert finding.evidence[0].where == "/etc/default/libvirtd:1"


def test_ports_without_listen_are_not_opened() -> None:
    assert (
        judge(CONTROL, remote_host("listen_tcp = 1\n"))[0].message == "listen_tcp is not heeded without --listen"
    )
    assert results(CONTROL, remote_host("listen_tcp = 1\n", files=LISTENING)) == ["pass"]
    assert results(CONTROL, remote_host("listen_tls = 0\n")) == ["pass"]


def test_a_conf_file_of_a_daemon_that_is_not_in_use_is_dead() -> None:
    files = {"/etc/libvirt/libvirtd.conf": "tls_no_verify_certificate = 0\n", "/etc/libvirt/virtqemud.conf": ""}
    findings = judge(CONTROL, remote_host("", files=files, libvirt=MODULAR))
    failing = [f for f in findings if f.result == "fail"]
    assert [f.subject.name for f in failing] == ["libvirtd"]
    assert failing[0].message.endswith("/etc/libvirt/libvirtd.conf sets: tls_no_verify_certificate")
    stray = {"/etc/libvirt/virtqemud.conf": "audit_level = 2\n", "/etc/libvirt/virtproxyd.conf": "# nothing\n"}
    assert results(CONTROL, remote_host("", files=stray)) == ["pass", "pass", "fail"]


def test_both_kinds_of_daemon_at_once_fail() -> None:
    both = Libvirt(
        frozenset({"libvirtd", "virtqemud"}), modular=True, evidence=(Evidence("file", path="/run/x.pid"),)
    )
    assert results(CONTROL, remote_host(None, libvirt=both)) == ["fail", "pass", "pass"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, remote_host(Unknown("permission denied"))) == ["unknown"]
    unit = {f"{SYSTEM}/libvirtd.service": "[Service\n"}
    assert results(CONTROL, remote_host("", files=unit)) == ["unknown"]
    assert results(CONTROL, made(MONOLITHIC, units({}), files={f"{SYSTEM}/*": Unknown("x")})) == ["pass"]
