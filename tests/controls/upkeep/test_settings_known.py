"""Every setting in libvirt's conf files is one that libvirt knows, and stands there once."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.upkeep.settings_known import CONTROL
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host

LIBVIRT = Libvirt(frozenset({"libvirtd"}), modular=False)


def host_of(text: str, name: str = "libvirtd.conf", **more: str) -> Host:
    return made(LIBVIRT, files={f"/etc/libvirt/{name}": text, **more})


def test_a_misspelt_key_fails_and_names_the_nearest() -> None:
    (finding,) = judge(CONTROL, host_of("# remote access\nlistentcp = 1\n"))
    assert (finding.result, finding.evidence[0].line) == ("fail", 2)
    assert finding.message == "libvirt knows no listentcp in libvirtd.conf; listen_tcp is near"


def test_a_key_that_resembles_none_fails_too() -> None:
    (finding,) = judge(CONTROL, host_of("zzz = 1\n"))
    assert finding.message == "libvirt knows no zzz in libvirtd.conf"


def test_the_second_of_two_equal_keys_fails() -> None:
    (finding,) = judge(CONTROL, host_of('auth_tls = "sasl"\nauth_tls = "none"\n'))
    assert (finding.result, finding.evidence[0].line) == ("fail", 2)
    assert finding.message == "auth_tls stands in line 1 already, which is the one that counts"


def test_network_keys_of_a_daemon_that_never_listens_fail() -> None:
    (finding,) = judge(CONTROL, host_of("listen_tls = 1\n", "virtqemud.conf"))
    assert finding.message == "listen_tls does nothing in virtqemud.conf; virtproxyd.conf is where it counts"


def test_known_keys_and_empty_files_pass() -> None:
    conf = 'user = "qemu"\nvnc_tls = 1\ncgroup_device_acl = [ "/dev/null" ]\n'
    assert results(CONTROL, host_of(conf, "qemu.conf", **{"/etc/libvirt/virtlogd.conf": "#max_size = 1\n"})) == [
        "pass",
        "pass",
    ]


def test_a_key_of_a_newer_libvirt_is_known_by_its_lens() -> None:
    assert results(CONTROL, host_of("tomorrow = 1\n", "qemu.conf")) == ["fail"]
    lens = {"/usr/share/augeas/lenses/libvirtd_qemu.aug": '   let x = bool_entry "tomorrow"\n'}
    assert results(CONTROL, host_of("tomorrow = 1\n", "qemu.conf", **lens)) == ["pass"]


def test_a_file_that_libvirt_would_refuse_is_unknown_beside_the_others() -> None:
    host = host_of("listen_tls 1\n", **{"/etc/libvirt/qemu.conf": "vnc_tls = 1\n"})
    assert sorted(results(CONTROL, host)) == ["pass", "unknown"]


def test_a_host_without_conf_files_or_without_libvirt_is_not_judged() -> None:
    assert results(CONTROL, made(LIBVIRT)) == ["notapplicable"]
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
