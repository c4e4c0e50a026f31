"""Two real hosts, from nothing to sessions over mutual TLS, and back."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.apply.worlds import tree
from tests.real import services_script
from tests.real.machine import Config, Machine

pytestmark = pytest.mark.libvirt

WARDEN = (sys.executable, "-m", "virtwarden")
HOST, ADMIN = "198.51.100.10", "198.51.100.11"
NAME = "kvmserved.example.org"
POLICY = f"""\
[remote]
transport = "tls"
certificates = "/etc/kvmserved"
listen = "{HOST}"
allowed_dns = ["O=Example,OU=libvirt client,CN=admin"]
"""
SERVED = (
    "remote-transport-offered", "tls-clients-listed", "tls-verifies-clients", "tls-priority-strong", "plain-tcp-off",
    "management-ports-limited", "pki-keys-private", "pki-files-own-copies",
)  # fmt: skip


@dataclass
class Pair:
    """A host that is to be managed, and the one that its administrator sits at."""

    host: Machine
    admin: Machine

    def warden(self, machine: Machine, *words: str, code: int = 0) -> str:
        done = machine.run(*WARDEN, *words)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def session(self, query: str = "") -> subprocess.CompletedProcess[str]:
        return self.admin.run("virsh", "-c", f"qemu+tls://{NAME}/system{query}", "-q", "hostname")


@pytest.fixture
def pair(real_hosts: None) -> Iterator[Pair]:
    files = {services_script.LIBVIRTD: services_script.SCRIPT, "/etc/virt-warden/policy.toml": POLICY}
    with (
        Machine(Config(name="kvmserved", files=files, services=("virtlogd", "libvirtd"))) as host,
        Machine(Config(name="kvmadmin", address="192.0.2.11", services=())) as admin,
    ):
        host.path(services_script.LIBVIRTD).chmod(0o755)
        host.path("/var/log/libvirt").mkdir(exist_ok=True)
        host.join(admin, f"{HOST}/24", f"{ADMIN}/24")
        admin.write("/etc/hosts", admin.read("/etc/hosts") + f"{HOST}\t{NAME}\n")
        yield Pair(host, admin)


def test_from_nothing_to_mutual_tls_and_back(pair: Pair) -> None:
    """Five commands, two of them on the host and the client that they change."""
    host, admin = pair.host, pair.admin
    admin.write("/etc/passphrase", "correct horse battery staple\n")
    admin.path("/etc/passphrase").chmod(0o600)
    authority = ("--passphrase-file", "/etc/passphrase", "--authority", "/etc/site")
    pair.warden(admin, "pki", "init", "/etc/site", "--name", "Example/authority", "--here", *authority[:2])
    pair.warden(admin, "pki", "issue", "server", NAME, HOST, "--out", "/etc/kvmserved", *authority)
    pair.warden(admin, "pki", "issue", "client", "admin", "--out", "/etc/admin", *authority)
    carried = shutil.copytree(admin.path("/etc/kvmserved"), host.path("/etc/kvmserved"))
    assert {path.name: path.stat().st_mode & 0o777 for path in carried.iterdir()}["serverkey.pem"] == 0o600
    before = tree(host.path("/etc")), tree(admin.path("/etc"))
    assert "Connection refused" in pair.session("?pkipath=/etc/admin").stderr

    told = pair.warden(host, "apply", "--control", *SERVED, "--allow-disruptive", "--no-confirm", "--yes")
    assert "restart libvirtd: done" in told
    pair.warden(admin, "pki", "install", "/etc/admin", "--for", "client", "--yes")

    session = pair.session()
    assert (session.returncode, session.stdout.strip()) == (0, NAME), session.stderr
    pair.warden(host, "scan", "--control", *SERVED)
    certificate = admin.path("/etc/pki/libvirt/clientcert.pem")
    certificate.rename(certificate.with_name("away"))
    assert pair.session().returncode != 0, "no certificate, no session"
    certificate.with_name("away").rename(certificate)
    pair.warden(admin, "pki", "issue", "client", "eve", "--out", "/etc/eve", "--subject", "O=Other", *authority)
    assert pair.session("?pkipath=/etc/eve").returncode != 0, "a subject that is not listed, no session"
    assert pair.session("?pkipath=/etc/admin").returncode == 0
    shutil.rmtree(admin.path("/etc/eve"))

    pair.warden(host, "rollback")
    pair.warden(admin, "rollback")
    assert "Connection refused" in pair.session("?pkipath=/etc/admin").stderr
    assert tree(host.path("/etc")) == before[0]
    after = {name: value for name, value in tree(admin.path("/etc")).items() if not name.startswith("site")}
    assert after == {name: value for name, value in before[1].items() if not name.startswith("site")}
