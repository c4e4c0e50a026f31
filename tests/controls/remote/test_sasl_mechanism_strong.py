"""SASL offers only mechanisms that are not broken."""

import pytest

from tests.kit import judge, made, results
from tests.remotehost import DEBIAN, LISTENING, MONOLITHIC, TLS_ENABLED, remote_host
from virtwarden.controls.remote.sasl_mechanism_strong import CONTROL
from virtwarden.edits import SetLine
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy, Remote
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Unknown

TCP = "listen_tcp = 1\n"
CONF = "/etc/sasl2/libvirt.conf"


def test_the_blueprints_mechanism_fails_with_the_fix() -> None:
    host = remote_host(TCP, files={**LISTENING, CONF: "# SASL\nmech_list: digest-md5\n"})
    (finding,) = judge(CONTROL, host)
    assert (finding.result, finding.message) == ("fail", "offers digest-md5")
    assert finding.fix[0].edit == SetLine("mech_list", "scram-sha-256", ": ")
    assert [e.where for e in finding.evidence] == [f"{CONF}:2", "/etc/libvirt/libvirtd.conf"]


@pytest.mark.parametrize("mechanisms", ["gssapi", "scram-sha-256 GSSAPI", "SCRAM-SHA-512, gssapi", ""])
def test_mechanisms_that_are_not_broken_pass(mechanisms: str) -> None:
    assert results(CONTROL, remote_host(TCP, files={**LISTENING, CONF: f"mech_list: {mechanisms}\n"})) == ["pass"]


def test_one_weak_mechanism_among_others_fails() -> None:
    files = {**LISTENING, CONF: "mech_list: gssapi PLAIN\n"}
    assert judge(CONTROL, remote_host(TCP, files=files))[0].message == "offers plain"


def test_no_list_offers_all_that_is_installed() -> None:
    assert results(CONTROL, remote_host(TCP, files=LISTENING)) == ["fail"]
    assert results(CONTROL, remote_host(TCP, files={**LISTENING, CONF: "keytab: /etc/krb5.tab\n"})) == ["fail"]


def test_it_does_not_apply_where_nothing_asks_for_sasl() -> None:
    weak = {CONF: "mech_list: digest-md5\n"}
    assert results(CONTROL, remote_host("", files=weak)) == ["notapplicable"]
    local = Libvirt(frozenset({"virtqemud"}), modular=True, monolithic=False)
    assert results(CONTROL, remote_host(None, files=weak, libvirt=local)) == ["notapplicable"]


@pytest.mark.parametrize("conf", ['auth_unix_rw = "sasl"\n', 'auth_tls = "sasl"\n'])
def test_sockets_and_tls_may_ask_for_it_as_well(conf: str) -> None:
    files = {**DEBIAN, CONF: "mech_list: cram-md5\n"}
    assert results(CONTROL, remote_host(conf, files=files, enabled=TLS_ENABLED)) == ["fail"]


def test_consoles_have_a_file_of_their_own() -> None:
    files = {"/etc/sasl2/qemu.conf": "mech_list: digest-md5\n", CONF: "mech_list: gssapi\n"}
    (finding,) = judge(CONTROL, remote_host("", QemuConf(vnc_sasl=True), files=files))
    assert (finding.subject.name, finding.result) == ("qemu", "fail")


def test_what_cannot_be_read_is_unknown() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {**LISTENING, CONF: Unknown(f"{CONF}: permission denied")}
    assert results(CONTROL, remote_host(TCP, files=files)) == ["unknown"]
    refused = Unknown("/etc/libvirt: permission denied")
    files = {"/etc/libvirt/libvirtd.conf": refused, "/etc/libvirt/qemu.conf": refused, **LISTENING}
    assert results(CONTROL, made(MONOLITHIC, files=files)) == ["unknown", "unknown"]


def test_the_policy_may_want_kerberos() -> None:
    files = {**LISTENING, CONF: "mech_list: digest-md5\n"}
    (finding,) = judge(CONTROL, remote_host(TCP, Policy(remote=Remote(sasl_mechanism="gssapi")), files=files))
    assert finding.fix[0].edit == SetLine("mech_list", "gssapi", ": ")


def test_the_policys_log_in_over_tls_needs_its_mechanism() -> None:
    policy = Policy(remote=Remote(transport="tls", sasl_over_tls=True))
    files = {**LISTENING, CONF: "mech_list: gssapi\n"}
    (finding,) = judge(CONTROL, remote_host("", policy, files=files))
    assert (finding.result, finding.message) == (
        "fail",
        "offers gssapi, and not scram-sha-256 as the policy wants",
    )
    assert finding.fix[0].edit == SetLine("mech_list", "scram-sha-256", ": ")
    files[CONF] = "mech_list: scram-sha-256 gssapi\n"
    assert results(CONTROL, remote_host("", policy, files=files)) == ["pass"]
