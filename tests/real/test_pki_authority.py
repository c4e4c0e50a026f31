"""What the authority issues opens real sessions with libvirtd and QEMU, and nothing else that it issues opens them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pki.made import PASSPHRASE, signer
from tests.real.machine import Config, Machine, wait_until
from tests.real.plain import PLAIN
from virtwarden.cli import main

pytestmark = pytest.mark.libvirt

HOST = "kvmhost.example.org"
_CONF = 'listen_tls = 1\nauth_tls = "none"\nauth_unix_rw = "none"\nauth_unix_ro = "none"\n'
_PID = "/run/libvirt/libvirtd.pid"
_CLIENTS = "/root/clients"
_PLACES = {
    "cacert.pem": "/etc/pki/CA/cacert.pem",
    "cacrl.pem": "/etc/pki/CA/cacrl.pem",
    "servercert.pem": "/etc/pki/libvirt/servercert.pem",
    "serverkey.pem": "/etc/pki/libvirt/private/serverkey.pem",
}
_RAW = f"""
import socket, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[1] + "/cacert.pem")
context.load_cert_chain(sys.argv[1] + f"/{{sys.argv[2]}}cert.pem", sys.argv[1] + f"/{{sys.argv[2]}}key.pem")
raw = socket.create_connection(({HOST!r}, 16514), timeout=20)
session = context.wrap_socket(raw, server_hostname={HOST!r})
try:
    print("taken" if session.recv(1) == b"\\x01" else "refused")
except OSError:
    print("refused")
"""


class Site:
    """An authority outside, and a host inside whose libvirtd serves what was issued."""

    def __init__(self, machine: Machine, place: Path) -> None:
        self.machine = machine
        self.place = place
        self._process: subprocess.Popen[bytes] | None = None

    def pki(self, command: str, *words: str) -> None:
        """A command on the authority."""
        signing = ("--authority", str(self.place / "ca"), "--passphrase-file", str(self.place / "pass"))
        assert main(["pki", *command.split(), *words, *signing]) == 0

    def issue(self, command: str, out: str, *words: str) -> Path:
        """Issue with a small key; where it went."""
        self.pki(f"issue {command}", "--key", "p256", "--out", str(self.place / out), *words)
        return self.place / out

    def serve(self, issued: Path) -> None:
        """Put what was issued in place, as libvirt's own host tools expect it."""
        for name, path in _PLACES.items():
            self.machine.write(path, (issued / name).read_text())
        self.machine.path(_PLACES["serverkey.pem"]).chmod(0o600)
        self.machine.path("/etc/pki/libvirt/private").chmod(0o700)

    def carry(self, issued: Path) -> str:
        """A client's folder, inside."""
        folder = f"{_CLIENTS}/{issued.relative_to(self.place)}"
        for file in issued.glob("*.pem"):
            self.machine.write(f"{folder}/{file.name}", file.read_text())
        return folder

    def opens(self, folder: str, host: str = HOST) -> bool:
        """Whether virsh gets an answer with this folder."""
        uri = f"qemu+tls://{host}/system?pkipath={folder}"
        return self.machine.run("virsh", "-q", "-c", uri, "version").returncode == 0

    def opens_raw(self, folder: str, side: str = "client") -> bool:
        """Whether libvirtd takes this certificate from a client that does not judge its own."""
        done = self.machine.run(sys.executable, "-c", _RAW, folder, side)
        assert done.stdout in ("taken\n", "refused\n"), done.stderr
        return done.stdout == "taken\n"

    def update(self) -> None:
        """Have libvirtd read its files anew."""
        self.machine.ask("virt-admin", "server-update-tls", "libvirtd")

    @contextmanager
    def libvirtd(self, *allowed: str) -> Iterator[None]:
        """libvirtd with TLS, and a list of clients if there are any."""
        listed = f"tls_allowed_dn_list = [{', '.join(map(repr, allowed))}]\n".replace("'", '"') if allowed else ""
        self.machine.write("/etc/libvirt/libvirtd.conf", _CONF + listed)
        argv = ("/usr/sbin/libvirtd", "--listen", "--config", "/etc/libvirt/libvirtd.conf", "--pid-file", _PID)
        with self.machine.log("libvirtd").open("ab") as log:
            process = subprocess.Popen(
                self.machine._inside(*argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=PLAIN,
                start_new_session=True,
            )  # fmt: skip
            try:
                wait_until(
                    lambda: self.machine.run("virt-admin", "server-list").returncode == 0,
                    lambda: f"libvirtd does not answer: {self.machine.log('libvirtd').read_text()[-2000:]}",
                    lambda: process.poll() is None,
                )
                yield
            finally:
                if process.poll() is None:
                    self.machine.run("kill", self.machine.read(_PID).strip())
                process.wait(timeout=20)


@pytest.fixture(scope="module")
def site(real_hosts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    place = tmp_path_factory.mktemp("site")
    signer(place / "ca")
    (place / "pass").write_bytes(PASSPHRASE + b"\n")
    with Machine(Config(name="kvmhost", services=("virtlogd",))) as machine:
        made = Site(machine, place)
        made.serve(made.issue(f"server {HOST} 192.0.2.10", "server"))
        yield made


def test_a_client_and_a_server_with_what_was_issued_have_a_session(site: Site) -> None:
    client = site.carry(site.issue("client alice", "alice"))
    with site.libvirtd():
        assert site.opens(client)
        assert site.opens(client, "192.0.2.10")
        assert not site.opens(client, "kvmhost")  # a name that the certificate does not have


@pytest.mark.parametrize("kind", ["rsa3072", "p384"])
def test_every_kind_of_key_serves(site: Site, kind: str) -> None:
    site.pki(f"issue server {HOST}", "--key", kind, "--out", str(site.place / f"server-{kind}"))
    site.pki("issue client alice", "--key", kind, "--out", str(site.place / f"alice-{kind}"))
    client = site.carry(site.place / f"alice-{kind}")
    site.serve(site.place / f"server-{kind}")
    try:
        with site.libvirtd():
            assert site.opens(client)
    finally:
        site.serve(site.place / "server")


def test_a_server_certificate_is_no_clients_even_where_no_list_says_so(site: Site) -> None:
    server = site.carry(site.issue("server other.example.org", "other"))
    client = site.carry(site.issue("client bob", "bob"))
    with site.libvirtd():
        assert site.opens_raw(client)
        assert not site.opens_raw(server, "server")


def test_the_list_that_init_prints_lets_in_clients_of_libvirt_alone(site: Site) -> None:
    client = site.carry(site.issue("client carol", "carol"))
    issued = site.issue(f"server {HOST}", "all", "--uses", "all")
    peer, nbd = site.carry(issued / "migrate"), site.carry(issued / "nbd")
    server = site.carry(issued / "libvirt")
    with site.libvirtd():
        assert site.opens_raw(peer)  # whoever reads QEMU's keys would be let in
        assert site.opens_raw(nbd)
    with site.libvirtd("O=Example Org,OU=libvirt client,CN=*"):
        assert site.opens(client)
        assert not site.opens(peer)
        assert not site.opens_raw(peer)
        assert not site.opens_raw(nbd)
        assert not site.opens_raw(server, "server")


def test_a_client_that_serves_is_not_taken_for_the_host_whose_name_it_bears(site: Site) -> None:
    site.issue(f"client {HOST}", "impostor")
    client = site.carry(site.issue("client dave", "dave"))
    for side in ("cert", "key"):
        source = (site.place / f"impostor/client{side}.pem").read_text()
        site.machine.write(_PLACES[f"server{side}.pem"], source)
    try:
        with pytest.raises(Exception, match="purpose does not allow use"), site.libvirtd():
            pass
    finally:
        site.serve(site.place / "server")
    with site.libvirtd():
        assert site.opens(client)


def test_a_revoked_client_is_refused_and_a_renewed_one_let_in_while_the_old_is_too(site: Site) -> None:
    old = site.carry(site.issue("client erin", "erin"))
    site.pki("renew erin", "--out", str(site.place / "renewed"))
    new = site.carry(site.place / "renewed/libvirt")
    with site.libvirtd():
        assert site.opens(old)
        assert site.opens(new)
        site.pki("revoke", str(site.place / "erin/clientcert.pem"), "--reason", "superseded")
        site.machine.write(_PLACES["cacrl.pem"], (site.place / "ca/cacrl.pem").read_text())
        site.update()
        assert not site.opens_raw(old)
        assert site.opens(new)


def test_a_certificate_for_a_key_that_stayed_on_its_host_serves(site: Site) -> None:
    out = str(site.place / "requested")
    assert main(["pki", "request", "server", HOST, "--key", "p256", "--out", out]) == 0
    site.pki(f"sign {out} --as server --out {out}")
    client = site.carry(site.issue("client frank", "frank"))
    site.serve(site.place / "requested")
    try:
        with site.libvirtd():
            assert site.opens(client)
    finally:
        site.serve(site.place / "server")


def test_virt_pki_validate_finds_nothing_wrong(site: Site) -> None:
    client = site.issue(f"client {HOST}", "validated")
    for side, path in (
        ("cert", "/etc/pki/libvirt/clientcert.pem"),
        ("key", "/etc/pki/libvirt/private/clientkey.pem"),
    ):
        site.machine.write(path, (client / f"client{side}.pem").read_text())
    site.machine.path("/etc/pki/libvirt/private/clientkey.pem").chmod(0o600)
    done = site.machine.run("virt-pki-validate")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_users_bundle_opens_a_session_from_its_home(site: Site) -> None:
    site.issue("client grace", "grace")
    assert main(["pki", "bundle", str(site.place / "grace"), "--tar", str(site.place / "grace.tar")]) == 0
    home = site.machine.path("/var/lib/libvirt/grace")
    home.mkdir(exist_ok=True)
    subprocess.run(("tar", "-C", home, "-xpf", site.place / "grace.tar"), check=True)
    subprocess.run(("chown", "-R", "12345:12345", home), check=True)
    site.machine.path("/var/lib/libvirt").chmod(0o755)
    user = ("setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "env", "HOME=/var/lib/libvirt/grace")
    with site.libvirtd():
        done = site.machine.run(*user, "virsh", "-q", "-c", f"qemu+tls://{HOST}/system", "version")
        assert done.returncode == 0, done.stderr
