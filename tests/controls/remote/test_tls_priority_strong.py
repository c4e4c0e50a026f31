"""libvirt's TLS port offers no protocol version and no algorithm that is known to be weak."""

import shutil
import subprocess

import pytest

from tests.kit import judge, results
from tests.remotehost import DEBIAN, TLS_ENABLED, remote_host
from virtwarden.controls.remote.tls_priority_strong import CONTROL, WANTED
from virtwarden.edits import SetConf
from virtwarden.facts.gnutls import Gnutls
from virtwarden.host import Host, Unknown

MADE = "/etc/crypto-policies/back-ends/gnutls.config"


def host(conf: str | Unknown, **files: str) -> Host:
    paths = {"config": "/etc/gnutls/config", "policy": "/etc/crypto-policies/config", "made": MADE}
    placed = {paths[name]: text for name, text in files.items()}
    return remote_host(conf, files={**DEBIAN, **placed}, enabled=TLS_ENABLED)


def test_debians_default_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, host(""))
    assert finding.message == "the default, NORMAL, holds and allows TLS1.0, TLS1.1"
    assert finding.fix[0].edit == SetConf("tls_priority", WANTED)
    assert results(CONTROL, host(f'tls_priority = "{WANTED}"\n')) == ["pass"]


def test_the_hosts_policy_holds_on_fedora_and_its_kin() -> None:
    assert results(CONTROL, host("", policy="DEFAULT\n")) == ["pass"]
    (finding,) = judge(CONTROL, host("", policy="LEGACY\n"))
    assert finding.message == "the default, @SYSTEM, holds and allows the host's policy LEGACY"


def test_versions_that_the_host_forbids_all_do_not_count() -> None:
    config = "[overrides]\ndisabled-version = tls1.0\ndisabled-version = tls1.1\n"
    assert results(CONTROL, host("", config=config)) == ["pass"]


ALLOWING = (
    "[global]\noverride-mode = allowlist\n[overrides]\nenabled-version = TLS1.3\nenabled-version = TLS1.2{}\n"
)


def test_versions_that_the_hosts_policy_does_not_list_do_not_count() -> None:
    asked = 'tls_priority = "NORMAL"\n'
    listing = ALLOWING.format("  # and no older")
    assert results(CONTROL, host(asked, policy="DEFAULT\n", made=listing)) == ["pass"]
    assert results(CONTROL, host("", policy="DEFAULT\n", made=listing)) == ["pass"]
    older = ALLOWING.format("\nenabled-version = tls1.1")
    for conf in (asked, ""):
        (finding,) = judge(CONTROL, host(conf, policy="DEFAULT:OLD\n", made=older))
        assert finding.message.endswith("allows TLS1.1")
    assert results(CONTROL, host(asked, policy="DEFAULT\n", made="SYSTEM=NONE:+VERS-TLS1.3\n")) == ["fail"]


@pytest.mark.parametrize("conf", [{"conf": 'tls_priority = "@SYSTEM"\n'}, {"conf": "", "config": "[overrides\n"}])
def test_what_cannot_be_told_is_unknown(conf: dict[str, str]) -> None:
    assert results(CONTROL, host(**conf)) == ["unknown"]
    assert results(CONTROL, host(Unknown("permission denied"))) == ["unknown"]


def test_it_does_not_apply_where_tls_is_not_offered() -> None:
    assert results(CONTROL, remote_host("", files=DEBIAN)) == ["notapplicable"]
    assert results(CONTROL, remote_host("", ss=Unknown("no ss here"))) == ["notapplicable"]


def test_an_open_port_counts_and_another_programs_does_not() -> None:
    row = 'tcp LISTEN 0 128 *:16514 *:* users:(("{}",pid=900,fd=12))\n'
    assert results(CONTROL, remote_host("", ss=row.format("libvirtd"))) == ["fail"]
    assert results(CONTROL, remote_host("", ss=row.format("haproxy"))) == ["notapplicable"]


@pytest.mark.parametrize(
    ("priority", "weaknesses"),
    [
        ("SECURE256", ("TLS1.0", "TLS1.1")),
        ("SUITEB128", ()),
        ("NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2", ()),
        ("NORMAL:-VERS-TLS-ALL:+VERS-TLS1.1", ("TLS1.1",)),
        ("PFS:!VERS-TLS1.0:!VERS-TLS1.1:%COMPAT", ()),
        ("NONE:+VERS-TLS-ALL:+AES-256-GCM:+AEAD:+ECDHE-RSA:+SIGN-ALL:+COMP-ALL:+GROUP-ALL", ("TLS1.0", "TLS1.1")),
        ("SUITEB192:+NULL:+ANON-ECDH:-ARCFOUR-128", ("+NULL", "+ANON-ECDH")),
        (f"{WANTED}:%UNSAFE_RENEGOTIATION", ("%UNSAFE_RENEGOTIATION",)),
        ("LEGACY:-VERS-TLS1.0:-VERS-TLS1.1", ("LEGACY",)),
        ("SUITEB192:+VERS-SSL3.0", ("SSL3.0",)),
    ],
)
def test_priority_strings_are_read_as_gnutls_reads_them(priority: str, weaknesses: tuple[str, ...]) -> None:
    assert Gnutls().weaknesses(priority) == weaknesses


@pytest.mark.skipif(shutil.which("gnutls-cli") is None, reason="gnutls-cli is not installed")
@pytest.mark.parametrize(
    "priority", ["NORMAL", "SECURE192", "SUITEB128", WANTED, "PFS:!VERS-TLS1.0", "NONE:+VERS-TLS1.2"]
)
def test_gnutls_itself_agrees_on_the_versions(priority: str) -> None:
    complete = f"{priority}:+CIPHER-ALL:+MAC-ALL:+KX-ALL:+SIGN-ALL:+GROUP-ALL:+COMP-ALL"
    said = subprocess.run(["gnutls-cli", "-l", "--priority", complete], capture_output=True, text=True, check=True)
    (line,) = [line for line in said.stdout.splitlines() if line.startswith("Protocols:")]
    old = tuple(version for version in ("TLS1.0", "TLS1.1") if f"VERS-{version}" in line.replace("DTLS", ""))
    assert Gnutls().weaknesses(priority) == old
