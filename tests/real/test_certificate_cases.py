"""Every certificate case on the real programs: libvirt's daemon and client, and GnuTLS; our verdict is theirs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from tests.pki import oracles
from tests.pki.cases import HOST, ROOT, Case, cases, good, server
from tests.pki.making import NOW, revocations
from tests.pki.verdicts import refusals, verdict
from tests.real.tlshost import TlsHost, tls_host
from virtwarden.formats import Malformed
from virtwarden.formats.certificate import certificate
from virtwarden.pki.verify import chain, names

KEY, CERTIFICATE = "/etc/pki/libvirt/private/serverkey.pem", "/etc/pki/libvirt/servercert.pem"
DIALLED = ("kvmhost.example.org", "192.0.2.10", "::1", "a.b.example.org", "example.org", "other.example.org")

GNUTLS_ALONE = {
    "not-an-authority": "libvirt wants basic constraints of every authority, GnuTLS not of a trusted one",
    "may-not-sign": "libvirt wants every trusted certificate to be fit for signing",
    "is-an-authority": "libvirt takes no authority for a server or a client",
    "wrong-role": "libvirt looks at purposes, GnuTLS only where it is asked to",
    "wrong-usage": "libvirt looks at the usage, GnuTLS when the session begins",
    "no-encipherment": "libvirt before 11.6 insists on it",
    "weak-key": "GnuTLS looks at keys when the session begins",
    "wrong-name": "the name is looked at apart from the chain",
    "no-subject": "libvirt wants the peer's subject",
    "unreadable": "libvirt wants the peer's subject",
    "in-its-own-file": "libvirt looks for the authority among the trusted alone",
    "expired": "libvirt looks at the dates of every authority in the file",
    "revoked": "GnuTLS is asked without a list here",
}
"""The words for which libvirt refuses what GnuTLS takes for a trusted chain, and why."""


@pytest.fixture(scope="module")
def tls(real_hosts: None) -> Iterator[TlsHost]:
    with tls_host() as host:
        yield host


def test_there_are_cases_enough() -> None:
    assert len(cases()) > 100
    assert len({case.name for case in cases()}) == len(cases())


@pytest.mark.libvirt
def test_our_verdict_is_libvirts(tls: TlsHost) -> None:
    answers = [(case, tls.tried(case), verdict(case, NOW)) for case in cases()]
    assert [
        (case.name, answer.said) for case, answer, faults in answers if answer.opened is bool(refusals(faults))
    ] == []
    assert sum(answer.opened for _, answer, _ in answers) > 40
    assert sum(not answer.opened for _, answer, _ in answers) > 40


needs_gnutls = pytest.mark.skipif(oracles.gnutls() is None, reason="GnuTLS is not installed")


@needs_gnutls
def test_chains_lead_to_the_trusted_where_gnutls_says_so() -> None:
    assert [difference for case in cases() for difference in chain_differences(case)] == []


def chain_differences(case: Case) -> Iterator[str]:
    """Where GnuTLS and we differ on the chain itself, or our verdict on the whole cannot be told from its."""
    ours = refusals(verdict(case, NOW))
    try:
        held = [certificate(each.pem) for each in case.chain]
    except Malformed:
        if ours != {"unreadable"}:
            yield f"{case.name}: {ours}"
        return
    trusted = [certificate(each.pem) for each in case.trusted]
    for length in {1, len(held)}:
        said = oracles.chain_status(
            [each.der for each in case.chain[:length]], [each.der for each in case.trusted]
        )
        if bool(said) is not bool(list(chain.faults(held[:length], trusted, NOW))):
            yield f"{case.name}: GnuTLS says {said}, {oracles.words(said)}"
        if said and not ours:
            yield f"{case.name}: GnuTLS does not trust what we let pass"
        if not said and length == len(held) and not ours <= GNUTLS_ALONE.keys():
            yield f"{case.name}: nothing explains {ours - GNUTLS_ALONE.keys()}"


@needs_gnutls
def test_names_are_covered_where_gnutls_says_so() -> None:
    for case in cases():
        if case.role == "server":
            held, real = certificate(case.leaf.pem), oracles.Crt(case.leaf.der)
            dialled = (case.dial, *DIALLED)
            assert [names.covers(held, each) for each in dialled] == [real.covers(each) for each in dialled], (
                case.name
            )


def seen(tls: TlsHost, *words: str) -> tuple[int, set[tuple[str, str]]]:
    done = tls.machine.run(sys.executable, "-m", "virtwarden", "pki", "verify", "--json", *words)
    assert done.stderr == ""
    return done.returncode, {(each["code"], each["file"]) for each in json.loads(done.stdout)["faults"]}


@pytest.mark.libvirt
def test_a_whole_host_is_judged_where_its_files_lie(tls: TlsHost) -> None:
    assert tls.tried(server("whole", good(), revoked=revocations(ROOT))).opened
    tls.machine.path(KEY).chmod(0o600)
    assert seen(tls, "--dial", HOST) == (0, set())
    tls.machine.ask("mkdir", "/etc/pki/libvirt-vnc")
    tls.machine.ask("ln", KEY, "/etc/pki/libvirt-vnc/server-key.pem")
    tls.machine.ask("chown", "libvirt-qemu", KEY)
    tls.machine.write("/etc/pki/ca.pem", ROOT.key_pem)
    tls.machine.write("/etc/libvirt/libvirtd.conf", 'tls_allowed_dn_list = ["*CN=kvmhost*"]\n')
    twin = "/etc/pki/libvirt-vnc/server-key.pem"
    code, faults = seen(tls, "--dial", "kvm9.example.org")
    assert code == 1
    assert faults == {
        ("wrong-name", CERTIFICATE),
        *((word, path) for word in ("linked", "qemus", "not-roots", "shared-key") for path in (KEY, twin)),
        ("shared-key", CERTIFICATE),
        ("authority-key", "/etc/pki/ca.pem"),
        ("wide-pattern", "/etc/libvirt/libvirtd.conf"),
        ("server-listed", "/etc/libvirt/libvirtd.conf"),
    }


@pytest.mark.libvirt
def test_every_reason_why_libvirt_is_stricter_than_gnutls_was_met() -> None:
    met = {code for case in cases() for code in refusals(verdict(case, NOW))}
    assert GNUTLS_ALONE.keys() <= met
