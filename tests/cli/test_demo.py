"""The recorded host that ships: it is scanned without libvirt, finds what was planted, and holds no secret."""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

import pytest

from virtwarden.cli import main
from virtwarden.controls import every_control
from virtwarden.facts.guests import Guests
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host
from virtwarden.model import Report, Result
from virtwarden.scan import scan
from virtwarden.sources.recording import Snapshot

RECORDING = Path(str(files("virtwarden.demo") / "host.jsonl.gz"))
# What was typed into the recorded host as passwords, keys and tokens, and how things that hold some begin.
SECRETS = (
    "vncGl0b1", "spiceGlobal-8841", "dbV7nc9x", "annaSp1ce-2291", "buildtoken-93ac51de", "Sasl-adm1n-5530",
    "remoteVirsh-0042", "vault-secret-7f3a91", "dmF1bHQtc2VjcmV0", "payroll-Geheim-1999", "grub-Boot-6671",
    "Sommer2023", "opsOps#77", "anna1234", "trainee-2025", "BEGIN RSA PRIVATE KEY", "BEGIN PRIVATE KEY",
    "BEGIN OPENSSH PRIVATE KEY", "grub.pbkdf2.sha512.10000.[^r]",
)  # fmt: skip


@pytest.fixture(scope="module")
def host() -> Host:
    return Host(Snapshot(str(RECORDING)))


@pytest.fixture(scope="module")
def report(host: Host) -> Report:
    return scan(host, every_control())


def test_the_demo_prints_a_report_and_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["demo", "--output", str(page)]) == 0
    out = capsys.readouterr().out
    assert "pki-files-own-copies" in out
    assert str(page) in out
    assert page.read_text("utf-8").count("<details") > 100


def test_the_recording_holds_no_secret() -> None:
    text = gzip.decompress(RECORDING.read_bytes()).decode("utf-8", "surrogateescape")
    assert [secret for secret in SECRETS if secret in text] == []


def test_it_is_a_real_host_with_running_guests(host: Host) -> None:
    guests = host.get(Guests)
    assert guests.unread == ()
    assert len(guests.guests) >= 8
    assert sum(guest.running for guest in guests.guests) >= 6
    assert host.get(Libvirt).version == (9, 0, 0)


def test_no_control_has_a_defect_and_few_cannot_be_told(report: Report) -> None:
    results = [outcome.result for outcome in report.outcomes]
    assert Result.ERROR not in results
    assert results.count(Result.UNKNOWN) <= 5


@pytest.mark.parametrize(
    "control",
    [
        "pki-files-own-copies", "pki-authority-key-absent", "libvirt-access-authenticated", "tls-clients-listed",
        "vnc-requires-tls", "spice-requires-tls", "console-passwords-expire", "channels-encrypted",
        "labels-unique", "labels-dynamic", "guests-confined", "interfaces-filtered", "filters-not-dead",
        "spoofing-stopped-before-learning", "guest-bridges-without-addresses", "mac-addresses-unique",
        "mac-addresses-local", "vlan-one-per-bridge", "images-private", "disk-formats-declared",
        "shared-disks-intended", "luks-headers-strong", "encrypted-volumes-closed-when-idle",
        "plaintext-copies-absent", "encrypted-volumes-large-enough", "swap-encrypted", "memory-limits-sane",
        "audit-rules-well-formed", "audit-rules-loaded", "audit-on-at-boot", "mitigations-not-disabled",
        "qemu-seccomp-on", "ssh-root-login-off", "memory-sharing-off", "nesting-off",
    ],
)  # fmt: skip
def test_what_was_planted_is_found(report: Report, control: str) -> None:
    (outcome,) = [outcome for outcome in report.outcomes if outcome.control == control]
    assert outcome.result is Result.FAIL
    failures = [finding for finding in outcome.findings if finding.result is Result.FAIL]
    assert all(finding.evidence for finding in failures)


def test_every_pass_and_every_failure_shows_what_it_rests_on(report: Report) -> None:
    bare = [
        (outcome.control, finding.message)
        for outcome in report.outcomes
        for finding in outcome.findings
        if finding.result in (Result.PASS, Result.FAIL) and not finding.evidence
    ]
    assert bare == []
