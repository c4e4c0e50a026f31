"""`virt-warden prove remote` against a real libvirtd: TLS, SASL, plain TCP and UNIX sockets, well and badly set up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real.credentials import Credential, SiteAuthority, lay_out
from tests.real.machine import Config, Machine
from tests.real.plain import PLAIN

pytestmark = pytest.mark.libvirt
ADDRESS = "192.0.2.10"
AT = f"libvirt at {ADDRESS}:16514"
SOCKET = "libvirt-sock of libvirtd gives no session to a local user without rights"
SERVICES = ("virtlogd", "libvirtd --listen")
GOOD = """\
listen_tls = 1
listen_tcp = 0
auth_tls = "sasl"
auth_unix_rw = "polkit"
tls_allowed_dn_list = [ "O=Example,CN=admin" ]
tls_priority = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"
sasl_allowed_username_list = [ "anna" ]
"""
BAD = """\
listen_tls = 1
listen_tcp = 1
auth_tcp = "none"
auth_tls = "none"
auth_unix_rw = "none"
unix_sock_rw_perms = "0777"
tls_no_verify_certificate = 1
tls_priority = "NORMAL"
"""
HALF = 'listen_tls = 1\nlisten_tcp = 1\nauth_tcp = "sasl"\nauth_tls = "none"\ntls_priority = "NORMAL:+NULL"\n'
SET_PASSWORD = (
    *("saslpasswd2", "-p", "-c", "-a", "libvirt", "-u", "kvmhost.example.org", "-f", "/etc/libvirt/passwd.db"),
)
SASL = "mech_list: {}\nsasldb_path: /etc/libvirt/passwd.db\n"


@dataclass(frozen=True)
class Site:
    """An authority, what it issued, and where clients have it."""

    folder: Path
    authority: SiteAuthority
    server: Credential

    def client(self, name: str) -> str:
        return str(self.folder / name)

    def files(self, conf: str, mechanisms: str) -> dict[str, str]:
        return {
            "/etc/libvirt/libvirtd.conf": conf,
            "/etc/default/libvirtd": 'LIBVIRTD_ARGS="--listen"\n',
            "/etc/sasl2/libvirt.conf": SASL.format(mechanisms),
            "/etc/pki/CA/cacert.pem": self.authority.certificate,
            "/etc/pki/CA/cacrl.pem": (self.folder / "cacrl.pem").read_text(),
            "/etc/pki/libvirt/servercert.pem": self.server.certificate,
            "/etc/pki/libvirt/private/serverkey.pem": self.server.key,
        }


@pytest.fixture(scope="module")
def site(real_hosts: None, tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    authority = SiteAuthority()
    server = authority.issue(
        "O=Example,CN=kvmhost.example.org", "server", names=("kvmhost.example.org",), addresses=(ADDRESS,)
    )
    revoked = authority.issue("O=Example,CN=admin")
    for name, client in (
        ("ours", authority.issue("O=Example,CN=admin")),
        ("unlisted", authority.issue("O=Example,CN=somebody")),
        ("expired", authority.issue("O=Example,CN=admin", days=-1)),
        ("revoked", revoked),
    ):
        lay_out(folder / name, authority, client)
    (folder / "cacrl.pem").write_text(authority.revocations(revoked.serial))
    (folder / "anna").write_text("a good password\n")
    (folder / "otto").write_text("another one\n")
    return Site(folder, authority, server)


@pytest.fixture(scope="module")
def good(site: Site) -> Iterator[Machine]:
    with Machine(Config(files=site.files(GOOD, "scram-sha-256"), services=SERVICES)) as machine:
        for user in ("anna", "otto"):
            password = (site.folder / user).read_text().strip()
            machine.ask(*SET_PASSWORD, user, given=password)
        yield machine


@pytest.fixture(scope="module")
def bad(site: Site) -> Iterator[Machine]:
    with Machine(Config(files=site.files(BAD, "digest-md5 plain"), services=SERVICES)) as machine:
        yield machine


def shown(site: Site) -> tuple[str, ...]:
    """All that the proof can be given."""
    words = ["--pkipath", site.client("ours")]
    for kind in ("unlisted", "expired", "revoked"):
        words += [f"--{kind}", site.client(kind)]
    return tuple(words)


def users(site: Site) -> tuple[str, ...]:
    """Who logs in."""
    anna, otto = (str(site.folder / name) for name in ("anna", "otto"))
    return ("--user", "anna", "--password-file", anna, "--unlisted-user", "otto", "--unlisted-password-file", otto)


def proved(machine: Machine, *words: str) -> tuple[int, Mapping[str, tuple[bool | None, str]]]:
    """The exit code, and each claim with how it came out and what was seen."""
    done = machine.run(sys.executable, "-m", "virtwarden", "prove", "remote", "--json", *words)
    assert not done.stderr, done.stderr
    told = json.loads(done.stdout)["observations"]
    return done.returncode, {each["claim"]: (each["holds"], each["seen"]) for each in told}


def test_a_host_that_is_set_up_well_holds_in_every_respect(good: Machine, site: Site) -> None:
    code, seen = proved(good, *shown(site), *users(site))
    assert [(claim, *how) for claim, how in seen.items() if how[0] is not True] == []
    assert code == 0
    claims = "\n".join(seen)
    for who in (
        "without a certificate",
        "signs itself",
        "foreign authority",
        "server's own",
        "not listed",
        "expired",
    ):
        assert f"{AT} is closed to a client" in claims
        assert who in claims
    assert "virt-warden" not in good.log("libvirtd --listen").read_text()


def test_what_was_not_given_is_unknown_and_says_what_to_give(good: Machine, site: Site) -> None:
    code, seen = proved(good, "--pkipath", site.client("ours"))
    assert code == 2
    unknown = {claim: said for claim, (holds, said) in seen.items() if holds is None}
    assert "--unlisted" in unknown[f"{AT} is closed to a client of our authority that is not listed"]
    assert "--expired" in unknown[f"{AT} is closed to a client whose certificate has expired"]
    assert "--revoked" in unknown[f"{AT} is closed to a client whose certificate was revoked"]
    assert "--user" in unknown[f"{AT} opens no session without a log-in"]
    assert len(unknown) == 6


def test_without_a_client_that_is_let_in_no_refusal_counts(good: Machine, site: Site) -> None:
    """Our client is one that the host does not list: it is refused like all others."""
    code, seen = proved(good, "--pkipath", site.client("unlisted"))
    assert code == 1
    assert seen[f"{AT} lets our client in"][0] is False
    assert all(holds is not True for claim, (holds, _) in seen.items() if f"{AT} is closed" in claim)


def test_strangers_that_would_be_refused_for_another_reason_prove_nothing(good: Machine, site: Site) -> None:
    other = SiteAuthority("O=Other,CN=authority")
    folder = lay_out(site.folder / "other", other, other.issue("O=Example,CN=somebody"))
    code, seen = proved(
        good, "--pkipath", site.client("ours"), "--unlisted", folder, "--expired", site.client("ours")
    )
    assert code == 2
    holds, said = seen[f"{AT} is closed to a client of our authority that is not listed"]
    assert (holds, "another authority" in said) == (None, True)
    holds, said = seen[f"{AT} is closed to a client whose certificate has expired"]
    assert (holds, "has not expired" in said) == (None, True)


def test_the_authority_makes_strangers_for_the_proof(good: Machine, site: Site, tmp_path: Path) -> None:
    folder = site.authority.keep(tmp_path / "authority", b"a long passphrase")
    (tmp_path / "passphrase").write_text("a long passphrase\n")
    before = sorted(path.name for path in Path(folder).iterdir())
    words = ("--authority", folder, "--passphrase-file", str(tmp_path / "passphrase"))
    _, seen = proved(good, "--pkipath", site.client("ours"), *words)
    assert seen[f"{AT} is closed to a client of our authority that is not listed"][0] is True
    assert seen[f"{AT} is closed to a client whose certificate has expired"][0] is True
    assert sorted(path.name for path in Path(folder).iterdir()) == before


def test_a_wrong_passphrase_is_said(good: Machine, site: Site, tmp_path: Path) -> None:
    folder = site.authority.keep(tmp_path / "authority", b"a long passphrase")
    (tmp_path / "passphrase").write_text("another long one\n")
    words = ("--authority", folder, "--passphrase-file", str(tmp_path / "passphrase"))
    done = good.run(sys.executable, "-m", "virtwarden", "prove", "remote", *words)
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)


def test_another_machine_proves_it_from_outside(good: Machine, site: Site) -> None:
    words = (sys.executable, "-m", "virtwarden", "prove", "remote", ADDRESS, "--json", *shown(site), *users(site))
    done = subprocess.run(
        good.outside.entered(*words, kinds=("net",)), env=PLAIN, capture_output=True, text=True, check=False
    )
    told = {each["claim"]: each["holds"] for each in json.loads(done.stdout)["observations"]}
    assert {claim for claim, holds in told.items() if not holds} == {
        f"{AT} is closed to a client with the server's own certificate"
    }, "which is not at hand there"
    assert f"what is served at {ADDRESS}:16514 proves itself to our clients as {ADDRESS}" in told
    assert f"plain TCP to libvirt is closed at {ADDRESS}:16509" in told


def test_by_a_name_that_the_certificate_does_not_have_it_proves_nothing(good: Machine, site: Site) -> None:
    words = ("prove", "remote", "localhost", "--json", *shown(site))
    told = json.loads(good.run(sys.executable, "-m", "virtwarden", *words).stdout)["observations"]
    found = next(each for each in told if "proves itself" in each["claim"])
    assert (found["holds"], "not valid for 'localhost'" in found["seen"]) == (False, True)


def test_a_host_that_is_set_up_badly_fails_in_each_respect(bad: Machine, site: Site) -> None:
    code, seen = proved(bad, *shown(site))
    assert code == 1
    failed = {claim for claim, (holds, _) in seen.items() if holds is False}
    assert failed == {
        f"{AT} is closed to a client without a certificate",
        f"{AT} is closed to a client whose certificate signs itself",
        f"{AT} is closed to a client of a foreign authority that bears the same names",
        f"{AT} is closed to a client with the server's own certificate",
        f"{AT} is closed to a client of our authority that is not listed",
        f"{AT} is closed to a client whose certificate has expired",
        f"{AT} is closed to a client whose certificate was revoked",
        f"{AT} agrees to no TLS before 1.2",
        "plain TCP to libvirt is closed on every address",
        "libvirt at 127.0.0.1:16509, in the clear, gives no session to a local user without rights",
        "libvirt at [::1]:16509, in the clear, gives no session to a local user without rights",
        SOCKET,
    }
    assert seen["plain TCP to libvirt is closed on every address"][1].endswith(
        "takes connections; it asks for none"
    )


def test_without_a_list_of_clients_all_of_the_authority_are_let_in(bad: Machine, site: Site) -> None:
    bad.write("/etc/libvirt/libvirtd.conf", HALF)
    bad.restart_service("libvirtd --listen")
    _, seen = proved(bad, *shown(site))
    failed = {claim for claim, (holds, _) in seen.items() if holds is False}
    assert failed == {
        f"{AT} is closed to a client with the server's own certificate",
        f"{AT} is closed to a client of our authority that is not listed",
        f"{AT} agrees to no TLS before 1.2",
        f"{AT} agrees to no cipher that is broken or leaves out encryption or the certificate",
        "plain TCP to libvirt is closed on every address",
    }
    assert "it asks for sasl by" in seen["plain TCP to libvirt is closed on every address"][1]


def test_who_is_watching_keeps_his_connection(good: Machine, site: Site) -> None:
    """A session of somebody else outlives the proof."""
    inside = good._inside("virsh", "-q", "-c", "qemu:///system")
    with subprocess.Popen(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=PLAIN) as virsh:
        assert virsh.stdin
        assert virsh.stdout
        proved(good, *shown(site))
        said, _ = virsh.communicate("hostname\nquit\n", timeout=30)
    assert "kvmhost" in said
