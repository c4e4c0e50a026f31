"""The database of SASL's users is the one that is looked after."""

import pytest

from tests.kit import judge, made, results
from tests.remotehost import MONOLITHIC
from virtwarden.controls.remote.sasl_database_named import CONTROL
from virtwarden.edits import SetLine
from virtwarden.facts.policy import Policy, Remote
from virtwarden.host import Host, Unknown

SCRAM = "mech_list: scram-sha-256\n"


def host(libvirt: str | Unknown, qemu: str = "mech_list: gssapi\n") -> Host:
    return made(MONOLITHIC, files={"/etc/sasl2/libvirt.conf": libvirt, "/etc/sasl2/qemu.conf": qemu})


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("", "fail"),
        ("sasldb_path: /etc/sasldb2\n", "fail"),
        ("sasldb_path: passwd.db\n", "fail"),
        ("sasldb_path: /etc/libvirt/passwd.db\n", "pass"),
        ("sasldb_path: /srv/sasl/users.db\n", "pass"),
    ],
)
def test_the_path_decides(line: str, result: str) -> None:
    assert results(CONTROL, host(SCRAM + line)) == [result, "notapplicable"]


def test_the_fix_names_the_services_own() -> None:
    finding, _ = judge(CONTROL, host(SCRAM))
    assert finding.fix[0].edit == SetLine("sasldb_path", "/etc/libvirt/passwd.db", ": ")
    _, finding = judge(CONTROL, host("", SCRAM))
    assert finding.fix[0].edit == SetLine("sasldb_path", "/etc/qemu/passwd.db", ": ")


def test_kerberos_and_no_conf_file_need_no_database() -> None:
    assert results(CONTROL, host("mech_list: gssapi\n")) == ["notapplicable", "notapplicable"]
    assert results(CONTROL, made(MONOLITHIC)) == ["notapplicable", "notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host(Unknown("permission denied"))) == ["unknown", "notapplicable"]


def test_the_policys_mechanism_counts_as_offered() -> None:
    policy = Policy(remote=Remote(transport="tls", sasl_over_tls=True))
    files = {"/etc/sasl2/libvirt.conf": "mech_list: gssapi\n", "/etc/sasl2/qemu.conf": "mech_list: gssapi\n"}
    assert results(CONTROL, made(MONOLITHIC, policy, files=files)) == ["fail", "notapplicable"]
