"""SASL's passwords and Kerberos keys can be read by their daemon alone."""

import pytest

from tests.kit import entry, judge, made, results
from tests.remotehost import MONOLITHIC, remote_host
from virtwarden.controls.remote.sasl_database_private import CONTROL
from virtwarden.edits import SetMode
from virtwarden.host import Unknown

DATABASE = "/etc/libvirt/passwd.db"


@pytest.mark.parametrize(
    ("path", "fields", "result"),
    [
        (DATABASE, {"mode": 0o600}, "pass"),
        (DATABASE, {"mode": 0o640}, "fail"),
        (DATABASE, {"mode": 0o644}, "fail"),
        (DATABASE, {"mode": 0o600, "uid": 107, "owner": "qemu"}, "fail"),
        ("/etc/libvirt/krb5.tab", {"mode": 0o604}, "fail"),
        ("/etc/qemu/passwd.db", {"mode": 0o640, "group": "qemu"}, "pass"),
        ("/etc/qemu/passwd.db", {"mode": 0o660, "group": "qemu"}, "fail"),
        ("/etc/sasldb2", {"mode": 0o660, "group": "sasl"}, "pass"),
    ],
)
def test_owner_and_mode_decide(path: str, fields: dict[str, object], result: str) -> None:
    assert results(CONTROL, remote_host("", stats=[entry(path, **fields)])) == [result]


def test_the_fix_gives_it_to_root_alone() -> None:
    (finding,) = judge(CONTROL, remote_host("", stats=[entry(DATABASE)]))
    assert finding.fix[0].edit == SetMode(mode=0o600, owner="root")


def test_the_files_that_the_conf_names_are_judged() -> None:
    files = {"/etc/sasl2/libvirt.conf": "sasldb_path: /srv/users.db\nkeytab: FILE:/srv/host.tab\n"}
    stats = [entry("/srv/users.db"), entry("/srv/host.tab", mode=0o600)]
    assert results(CONTROL, remote_host("", files=files, stats=stats)) == ["fail", "pass"]


def test_the_file_that_this_host_logs_in_elsewhere_with_is_judged_if_it_holds_a_password() -> None:
    clients = "/etc/libvirt/auth.conf"
    login = "[credentials-x]\nusername=admin\npassword=[redacted]\n\n[auth-libvirt-kvm08]\ncredentials=x\n"
    assert results(CONTROL, remote_host("", files={clients: login})) == ["fail"]
    private = remote_host("", files={clients: login}, stats=[entry(clients, mode=0o600)])
    assert results(CONTROL, private) == ["pass"]
    assert results(CONTROL, remote_host("", files={clients: "[auth-libvirt-kvm08]\n"})) == ["notapplicable"]
    refused = made(MONOLITHIC, files={clients: Unknown("denied")}, stats=[entry(clients, mode=0o600)])
    assert results(CONTROL, refused) == ["pass"]


def test_none_is_not_applicable_and_a_refusal_unknown() -> None:
    assert results(CONTROL, remote_host("")) == ["notapplicable"]
    host = remote_host("")
    host.source.stats = {DATABASE: Unknown(f"{DATABASE}: permission denied")}  # type: ignore[attr-defined]
    assert results(CONTROL, host) == ["unknown"]
