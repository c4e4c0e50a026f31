"""libvirt over TLS where the policy wants it: certificates in place, and a daemon that listens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.certs import Authority
from tests.kit import judge, refusing
from tests.remotehost import DEBIAN, MODULAR, MONOLITHIC, SYSTEM, TLS_ENABLED, TLS_SOCKET, File, remote_host
from virtwarden.controls.remote.remote_transport_offered import CONTROL
from virtwarden.edits import CopyOf, Do, Edit, Replace, SetConf, SetLine, SetMode, SetState
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host, Unknown
from virtwarden.model import Finding, Result, State

AUTHORITY = Authority()
SERVER = AUTHORITY.issue()
FOLDER = {
    "/root/kvm7/cacert.pem": AUTHORITY.pem,
    "/root/kvm7/servercert.pem": SERVER.pem,
    "/root/kvm7/serverkey.pem": SERVER.key_pem,
}
PLACED = {
    "/etc/pki/CA/cacert.pem": AUTHORITY.pem,
    "/etc/pki/libvirt/servercert.pem": SERVER.pem,
    "/etc/pki/libvirt/private/serverkey.pem": SERVER.key_pem,
}
TLS = Policy(remote=Remote(transport="tls", certificates="/root/kvm7", listen="192.0.2.7"))
OPEN = 'tcp LISTEN 0 20 192.0.2.7:16514 0.0.0.0:* users:(("libvirtd",pid=7,fd=9))\n'
SYSV = {"/proc/1/comm": "init\n", "/etc/default/libvirtd": 'LIBVIRTD_ARGS="--timeout 120 -v"\n'}


def host(
    files: Mapping[str, File],
    conf: str = "",
    *,
    policy: Policy = TLS,
    enabled: Mapping[str, str] | None = None,
    libvirt: Libvirt = MONOLITHIC,
    ss: str | Unknown = "",
) -> Host:
    return remote_host(conf, policy, files=files, enabled=enabled or {}, libvirt=libvirt, ss=ss)


def failures(found: list[Finding], state: State = State.ON_DISK) -> list[Finding]:
    return [each for each in found if each.result is Result.FAIL and each.state is state]


def edits(finding: Finding) -> list[tuple[str, Edit]]:
    return [(change.document.name, change.edit) for change in finding.fix]


def offering(found: list[Finding]) -> Finding:
    """The failure to offer TLS on disk."""
    return next(each for each in failures(found) if each.subject.kind == "daemon")


def test_nothing_is_asked_where_the_policy_wants_ssh() -> None:
    assert [f.result for f in judge(CONTROL, host({**DEBIAN}, policy=Policy()))] == [Result.NOTAPPLICABLE]


def test_nothing_is_known_of_a_host_that_answers_nothing() -> None:
    assert {f.result for f in judge(CONTROL, refusing())} == {Result.UNKNOWN}


def test_it_passes_where_certificates_are_placed_and_the_port_is_open() -> None:
    made = host({**SYSV, "/etc/default/libvirtd": 'LIBVIRTD_ARGS="--listen"\n', **FOLDER, **PLACED}, ss=OPEN)
    found = judge(CONTROL, made)
    assert {each.result for each in found} == {Result.PASS}
    assert {str(each.subject) for each in found} == {
        "daemon libvirtd", *(f"file {path}" for path in PLACED)
    }  # fmt: skip


def test_the_folder_may_be_gone_once_its_files_are_placed() -> None:
    made = host({**SYSV, "/etc/default/libvirtd": 'LIBVIRTD_ARGS="--listen"\n', **PLACED}, ss=OPEN)
    assert {each.result for each in judge(CONTROL, made)} == {Result.PASS}


def test_a_daemon_without_systemd_is_told_to_listen_and_given_its_certificates() -> None:
    fix = edits(offering(judge(CONTROL, host({**SYSV, **FOLDER}))))
    assert [name for name, edit in fix if isinstance(edit, SetMode)] == [
        "/etc/pki", "/etc/pki/CA", "/etc/pki/libvirt", "/etc/pki/libvirt/private"
    ]  # fmt: skip
    copies = {name: edit for name, edit in fix if isinstance(edit, CopyOf)}
    assert set(copies) == set(PLACED)
    assert copies["/etc/pki/libvirt/private/serverkey.pem"].mode == 0o600
    assert copies["/etc/pki/libvirt/private/serverkey.pem"].source == "/root/kvm7/serverkey.pem"
    assert [each for each in fix if isinstance(each[1], SetConf | SetLine)] == [
        ("/etc/libvirt/libvirtd.conf", SetConf("listen_addr", "192.0.2.7")),
        ("/etc/default/libvirtd", SetLine("LIBVIRTD_ARGS", '"-v --listen"', "=")),
    ]


@pytest.mark.parametrize(
    ("files", "path", "key"),
    [
        ({"/etc/sysconfig/libvirtd": "#LIBVIRTD_ARGS=\n"}, "/etc/sysconfig/libvirtd", "LIBVIRTD_ARGS"),
        ({"/etc/sysconfig/network": ""}, "/etc/sysconfig/libvirtd", "LIBVIRTD_ARGS"),
        ({"/etc/default/libvirt-bin": 'libvirtd_opts="-d"\n'}, "/etc/default/libvirt-bin", "libvirtd_opts"),
        ({}, "/etc/default/libvirtd", "LIBVIRTD_ARGS"),
    ],
)
def test_older_hosts_have_their_arguments_elsewhere(files: dict[str, str], path: str, key: str) -> None:
    fix = edits(offering(judge(CONTROL, host({"/proc/1/comm": "init\n", **files, **FOLDER}))))
    (line,) = [(name, edit) for name, edit in fix if isinstance(edit, SetLine)]
    assert (line[0], line[1].key) == (path, key)


def test_plain_tcp_is_not_opened_along_with_tls() -> None:
    fix = edits(offering(judge(CONTROL, host({**SYSV, **FOLDER}, "listen_tcp = 1\nlisten_tls = 0\n"))))
    assert ("/etc/libvirt/libvirtd.conf", SetConf("listen_tcp", 0)) in fix
    assert ("/etc/libvirt/libvirtd.conf", SetConf("listen_tls", 1)) in fix


def test_under_systemd_the_socket_unit_listens_on_the_management_address_alone() -> None:
    made = host({**DEBIAN, **FOLDER}, enabled={"libvirtd.socket": "enabled"})
    fix = [each for each in edits(offering(judge(CONTROL, made))) if not isinstance(each[1], CopyOf | SetMode)]
    drop_in, unit = fix
    assert drop_in[0] == "/etc/systemd/system/libvirtd-tls.socket.d/zz-virt-warden.conf"
    assert drop_in[1] == Replace("[Socket]\nListenStream=\nListenStream=192.0.2.7:16514\nFreeBind=yes\n")
    assert unit == ("libvirtd-tls.socket", SetState("enabled"))


def test_a_modular_host_offers_it_by_its_proxy() -> None:
    units = {
        f"{SYSTEM}/virtproxyd.socket": "[Socket]\nListenStream=/run/libvirt/libvirt-sock\n",
        f"{SYSTEM}/virtproxyd-tls.socket": TLS_SOCKET,
    }
    made = host({**units, **FOLDER}, enabled={"virtproxyd.socket": "enabled"}, libvirt=MODULAR)
    assert edits(offering(judge(CONTROL, made)))[-1] == ("virtproxyd-tls.socket", SetState("enabled"))


def test_a_proxy_that_opens_its_own_sockets_is_told_by_its_conf_file() -> None:
    made = host({**FOLDER}, libvirt=MODULAR)
    assert edits(offering(judge(CONTROL, made)))[-1] == ("/etc/libvirt/virtproxyd.conf", SetConf("listen_tls", 1))


def test_without_an_address_it_takes_a_person() -> None:
    policy = replace(TLS, remote=replace(TLS.remote, listen=None))
    fix = edits(offering(judge(CONTROL, host({**SYSV, **FOLDER}, policy=policy))))
    assert any(isinstance(edit, Do) and "name the address" in edit.steps for _, edit in fix)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            {"/root/kvm7/serverkey.pem": AUTHORITY.issue().key_pem},
            "serverkey.pem is not its key",
        ),
        ({"/root/kvm7/cacert.pem": Authority("O=Example,CN=other").pem}, "no authority beside it has issued it"),
        ({"/root/kvm7/servercert.pem": AUTHORITY.issue(days=5).pem}, "expired on"),
        ({"/root/kvm7/servercert.pem": "nonsense"}, "holds no certificate"),
        ({"/root/kvm7/cakey.pem": AUTHORITY.key_pem}, "which has no place on a host"),
        ({"/root/kvm7/cacert.pem": AUTHORITY.pem + AUTHORITY.key_pem}, "which everybody could read there"),
    ],
)
def test_nothing_is_set_up_with_a_set_that_does_not_fit(spoil: dict[str, str], says: str) -> None:
    found = judge(CONTROL, host({**SYSV, **FOLDER, **spoil}))
    assert says in " ".join(each.message for each in failures(found))
    assert all(isinstance(edit, Do) for each in failures(found) for _, edit in edits(each)[:1])


def test_without_a_folder_it_is_told_how_to_get_one() -> None:
    policy = replace(TLS, remote=replace(TLS.remote, certificates=None))
    (fix, *_) = edits(offering(judge(CONTROL, host({**SYSV}, policy=policy))))
    assert isinstance(fix[1], Do)
    assert "virt-warden pki issue server" in fix[1].steps


def test_a_certificate_that_was_renewed_in_the_folder_is_placed_anew() -> None:
    renewed = AUTHORITY.issue()
    files = {**FOLDER, "/root/kvm7/servercert.pem": renewed.pem, "/root/kvm7/serverkey.pem": renewed.key_pem}
    found = judge(CONTROL, host({**SYSV, **files, **PLACED}))
    changed = {str(each.subject) for each in failures(found) if each.subject.kind == "file"}
    assert changed == {"file /etc/pki/libvirt/servercert.pem", "file /etc/pki/libvirt/private/serverkey.pem"}


def test_files_go_where_the_conf_file_names_them() -> None:
    conf = 'ca_file = "/srv/ca.pem"\ncert_file = "/srv/cert.pem"\nkey_file = "/srv/key.pem"\n'
    fix = edits(offering(judge(CONTROL, host({**SYSV, **FOLDER}, conf))))
    assert {name for name, edit in fix if isinstance(edit, CopyOf)} == {
        "/srv/ca.pem",
        "/srv/cert.pem",
        "/srv/key.pem",
    }


def test_what_listens_is_judged_apart_from_what_is_set_up() -> None:
    set_up = {**SYSV, "/etc/default/libvirtd": 'LIBVIRTD_ARGS="--listen"\n', **FOLDER, **PLACED}
    (failure,) = failures(judge(CONTROL, host(set_up)), State.IN_FORCE)
    assert failure.message == "nothing listens for TLS"
    refused = judge(CONTROL, host(set_up, ss=Unknown("ss: permission denied")))
    assert [each.result for each in refused if each.state is State.IN_FORCE] == [Result.UNKNOWN]


def test_under_systemd_it_passes_with_the_socket_enabled() -> None:
    made = host({**DEBIAN, **FOLDER, **PLACED}, enabled=TLS_ENABLED, ss=OPEN)
    assert {each.result for each in judge(CONTROL, made)} == {Result.PASS}


def test_a_file_that_is_not_there_is_missing_and_another_one_is_said_to_differ() -> None:
    other = {**PLACED, "/etc/pki/CA/cacert.pem": Authority().pem}
    (differs,) = (
        f for f in failures(judge(CONTROL, host({**SYSV, **FOLDER, **other}))) if "cacert" in str(f.subject)
    )
    assert differs.message.startswith("is not what /root/kvm7/cacert.pem holds")
    without = [f for f in failures(judge(CONTROL, host({**SYSV, **FOLDER}))) if f.subject.kind == "file"]
    assert without
    assert all(f.message.startswith("is missing; it is to be what /root/kvm7/") for f in without)
