"""Nobody reaches libvirt with write access without proving who he is."""

import pytest

from tests.kit import entry, judge, made, results
from tests.remotehost import DEBIAN, MODULAR, SYSTEM, remote_host
from virtwarden.controls.remote.libvirt_access_authenticated import CONTROL
from virtwarden.edits import Replace, SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host, Unknown

LIVE = entry("/run/libvirt/libvirt-sock", kind="socket", mode=0o666)


def told(host: Host) -> list[tuple[str, str, str | None]]:
    return [(str(f.subject), f.result.value, f.state and f.state.value) for f in judge(CONTROL, host)]


def test_debian_as_installed_passes_on_disk_and_in_force() -> None:
    assert told(remote_host("", files=DEBIAN, stats=[LIVE])) == [
        ("socket libvirt-sock", "pass", "on disk"),
        ("socket libvirt-sock", "pass", "in force"),
        ("socket libvirt-admin-sock", "pass", "on disk"),
        ("daemon libvirtd", "pass", "on disk"),
    ]


def test_an_open_socket_that_asks_nobody_fails_in_both_states_with_the_fix() -> None:
    findings = judge(CONTROL, remote_host('auth_unix_rw = "none"\n', files=DEBIAN, stats=[LIVE]))
    assert [f.result.value for f in findings[:2]] == ["fail", "fail"]
    assert findings[0].message == "is open to every user of the host with mode 0666, and asks nobody who he is"
    assert findings[0].fix[0].edit == SetConf("auth_unix_rw", "polkit")
    assert findings[1].evidence[0].path == "/run/libvirt/libvirt-sock"


def test_a_drop_in_that_closes_the_socket_passes() -> None:
    drop_in = {
        "/etc/systemd/system/libvirtd.socket.d/group.conf": "[Socket]\nSocketMode=0660\nSocketGroup=libvirt\n"
    }
    host = remote_host('auth_unix_rw = "none"\n', files={**DEBIAN, **drop_in})
    findings = judge(CONTROL, host)
    assert findings[0].result == "pass"
    assert findings[0].evidence[-1].where == "/etc/systemd/system/libvirtd.socket.d/group.conf:2"


@pytest.mark.parametrize(
    ("conf", "result"),
    [
        ('auth_unix_rw = "none"\n', "fail"),
        ('auth_unix_rw = "none"\nunix_sock_rw_perms = "0770"\n', "pass"),
        ('unix_sock_rw_perms = "0777"\n', "pass"),
        ('unix_sock_rw_perms = "rwx"\n', "unknown"),
    ],
)
def test_without_units_the_conf_file_gives_the_mode_as_on_rhel_6(conf: str, result: str) -> None:
    assert judge(CONTROL, remote_host(conf))[0].result == result


def test_a_masked_unit_leaves_the_socket_to_the_daemon() -> None:
    path = "/etc/systemd/system/libvirtd.socket"
    masked = entry(path, real="/dev/null", kind="char")
    host = remote_host('auth_unix_rw = "none"\n', files={**DEBIAN, path: ""}, stats=[masked])
    assert judge(CONTROL, host)[0].evidence[1].text == "unix_sock_rw_perms is not set; libvirt's default holds"


def test_a_unit_that_is_turned_off_does_not_speak_for_the_socket_of_the_daemon() -> None:
    closed = "[Socket]\nSocketMode=0600\n"
    files = {**DEBIAN, "/etc/systemd/system/libvirtd.socket.d/closed.conf": closed}
    conf = 'auth_unix_rw = "none"\n'
    assert results(CONTROL, remote_host(conf, files=files))[0] == "pass"
    assert results(CONTROL, remote_host(conf, files=files, enabled={"libvirtd.socket": "enabled"}))[0] == "pass"
    assert results(CONTROL, remote_host(conf, files=files, enabled={"libvirtd.socket": "disabled"}))[0] == "fail"


def test_an_open_administration_socket_fails_whatever_the_rest_asks() -> None:
    unit = {f"{SYSTEM}/libvirtd-admin.socket": "[Socket]\nListenStream=/run/libvirt/libvirt-admin-sock\n"}
    live = entry("/var/run/libvirt/libvirt-admin-sock", kind="socket", mode=0o600)
    findings = judge(CONTROL, remote_host("", files={**DEBIAN, **unit}, stats=[live]))
    admin = [f for f in findings if f.subject.name == "libvirt-admin-sock"]
    assert [f.result.value for f in admin] == ["fail", "pass"]
    (change,) = admin[0].fix
    assert isinstance(change.edit, Replace)
    assert change.document.name == "/etc/systemd/system/libvirtd-admin.socket.d/zz-virt-warden.conf"
    mended = {**DEBIAN, **unit, change.document.name: change.edit.text or ""}
    assert "fail" not in results(CONTROL, remote_host("", files=mended, stats=[live]))
    (finding,) = [f for f in judge(CONTROL, remote_host('unix_sock_admin_perms = "0777"\n')) if f.result == "fail"]
    assert finding.fix[0].edit == SetConf("unix_sock_admin_perms", "0700")


def test_tcp_without_authentication_fails() -> None:
    finding = judge(CONTROL, remote_host('auth_tcp = "none"\n'))[-1]
    assert (finding.result, finding.fix[0].edit) == ("fail", SetConf("auth_tcp", "sasl"))
    assert finding.evidence[0].where == "/etc/libvirt/libvirtd.conf:1"


def test_modular_daemons_are_judged_by_their_own_files() -> None:
    files = {"/etc/libvirt/virtqemud.conf": 'auth_unix_rw = "none"\n', "/etc/libvirt/libvirtd.conf": ""}
    failing = [
        f.subject.name for f in judge(CONTROL, remote_host("", files=files, libvirt=MODULAR)) if f.result == "fail"
    ]
    assert failing == ["virtqemud-sock"]


def test_a_host_without_a_daemon_for_the_network_has_its_sockets_judged_all_the_same() -> None:
    local = Libvirt(frozenset({"virtqemud"}), modular=True, monolithic=False)
    assert results(CONTROL, remote_host(None, libvirt=local)) == ["pass", "pass", "notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    refused = Unknown("/etc/libvirt/libvirtd.conf: permission denied")
    assert results(CONTROL, remote_host(refused, stats=[LIVE])) == ["unknown", "unknown", "unknown", "unknown"]
    host = remote_host("", stats=[LIVE])
    host.source.stats = {"/run/libvirt/libvirt-sock": Unknown("/run is not there")}  # type: ignore[attr-defined]
    assert results(CONTROL, host) == ["pass", "unknown", "pass", "pass"]


def test_no_libvirt_is_not_applicable() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_libvirt_of_2012_has_no_socket_for_its_administration() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 9, 4))
    assert "socket libvirt-admin-sock" not in [subject for subject, _, _ in told(remote_host("", libvirt=old))]
