"""All certificates of a host are replaced, its authority too, while a guest runs and clients keep coming."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.credentials import Credential, SiteAuthority
from tests.real.machine import Config, Machine

pytestmark = pytest.mark.libvirt

WARDEN = (sys.executable, "-m", "virtwarden")
ADDRESS = "192.0.2.10"
CONF = 'listen_tls = 1\nauth_tls = "none"\ntls_allowed_dn_list = [ "O=Example,CN=admin" ]\n'
QEMU_CONF = 'vnc_tls = 1\nvnc_tls_x509_verify = 1\nvnc_listen = "192.0.2.10"\n'
GUEST = """\
<domain type='qemu'><name>stays</name><memory unit='MiB'>64</memory>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><graphics type='vnc' port='-1' autoport='yes'/></devices>
</domain>
"""
ATTEMPTS = 1000
CLIENT = f"""\
import json, pathlib, socket, ssl, sys
done, failed, seen = 0, [], set()
while done < {ATTEMPTS} or not pathlib.Path("/etc/stop").exists():
    folder = str(pathlib.Path("/etc/client").resolve())
    context = ssl.create_default_context(cafile=f"{{folder}}/cacert.pem")
    context.load_cert_chain(f"{{folder}}/clientcert.pem", f"{{folder}}/clientkey.pem")
    try:
        with socket.create_connection(("{ADDRESS}", 16514), 10) as plain:
            with context.wrap_socket(plain, server_hostname="{ADDRESS}") as wire:
                seen.add(wire.getpeercert()["serialNumber"])
                if wire.recv(1) != b"\\x01":
                    failed.append("the daemon hung up")
    except OSError as wrong:
        failed.append(str(wrong))
    done += 1
print(json.dumps({{"done": done, "failed": failed, "served": sorted(seen)}}))
"""


@pytest.fixture
def host(real_hosts: None) -> Iterator[Machine]:
    files = {"/etc/libvirt/libvirtd.conf": CONF, "/etc/libvirt/qemu.conf": QEMU_CONF, "/etc/guest.xml": GUEST}
    with Machine(Config(name="kvmturned", files=files, services=("virtlogd",))) as machine:
        yield machine


def issued(authority: SiteAuthority, anchors: str, subject: str, purpose: str = "server") -> dict[str, str]:
    made = authority.issue(subject, purpose, names=("kvmturned.example.org",), addresses=(ADDRESS,))
    role = "client" if purpose == "client" else "server"
    return {"cacert.pem": anchors, f"{role}cert.pem": made.certificate, f"{role}key.pem": made.key}


def put(folder: Path, files: dict[str, str]) -> None:
    folder.mkdir(parents=True, mode=0o700)
    for name, text in files.items():
        (folder / name).touch(0o600)
        (folder / name).write_text(text)


def show(machine: Machine, folder: str) -> None:
    """Have clients show the certificate of this folder from their next connection on."""
    link = machine.path("/etc/client.new")
    link.symlink_to(folder)
    link.rename(machine.path("/etc/client"))


def warden(machine: Machine, *words: str) -> str:
    done = machine.run(*WARDEN, *words)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def serial(certificate: str) -> str:
    return f"{Credential(certificate, '').serial:X}"


def served_at(machine: Machine) -> dict[str, bool | None]:
    """Whether each port serves what its file holds, as `pki status` sees it."""
    told = json.loads(machine.run(*WARDEN, "pki", "status", "--json").stdout)
    return {each["who"]: each["same"] for each in told["served"]}


def guest_pid(machine: Machine) -> str:
    return machine.read("/run/libvirt/qemu/stays.pid").strip()


def test_a_thousand_connections_while_all_certificates_are_replaced(host: Machine) -> None:
    old, new = SiteAuthority("O=Example,CN=old"), SiteAuthority("O=Example,CN=new")
    sets = [(old, "first"), (old, "renewed"), (new, "turned")]
    served = []
    for authority, name in sets:
        for use in ("libvirt", "vnc"):
            files = issued(authority, authority.certificate, f"O=Example,CN={use} {name}")
            put(host.path(f"/etc/{name}/{use}"), files)
            served += [serial(files["servercert.pem"])] if use == "libvirt" else []
    both = old.certificate + new.certificate
    put(host.path("/etc/client-old"), issued(old, both, "O=Example,CN=admin", "client"))
    put(host.path("/etc/client-new"), issued(new, both, "O=Example,CN=admin", "client"))
    show(host, "client-old")
    warden(host, "pki", "install", "/etc/first", "--yes")
    host.start_service("libvirtd --listen")
    host.ask("virsh", "define", "/etc/guest.xml")
    host.ask("virsh", "start", "stays")
    process = guest_pid(host)
    assert served_at(host) == {"libvirtd": True, "VNC of stays": True}

    host.write("/etc/client.py", CLIENT)
    clients = subprocess.Popen(
        host._inside(sys.executable, "/etc/client.py"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        told = warden(host, "pki", "rotate", "/etc/renewed", "--yes")
        assert "step: place the new certificates and keys" in told
        assert "update-tls libvirtd: done" in told
        assert "next:" not in told, "its authority is the same"
        told = warden(host, "pki", "rotate", "/etc/turned", "--yes")
        assert "step: trust the new authority besides the old one" in told
        assert "next: do the same on every host and client" in told
        told = warden(host, "pki", "rotate", "/etc/turned", "--yes")
        assert "step: place the new certificates and keys" in told
        assert "next: once every client shows a certificate of the new authority" in told
        show(host, "client-new")
        told = warden(host, "pki", "rotate", "/etc/turned", "--finish", "--yes")
        assert "step: trust the old authority no more" in told
        host.write("/etc/stop", "")
        out, error = clients.communicate(timeout=120)
    finally:
        clients.kill()
        clients.wait()
    assert out, error
    found = json.loads(out)
    assert found["failed"] == []
    assert found["done"] >= ATTEMPTS
    assert {each.lstrip("0") for each in found["served"]} == set(served)
    assert guest_pid(host) == process
    reloads = host.run("virsh", "help", "domdisplay-reload").returncode == 0
    assert served_at(host) == {"libvirtd": True, "VNC of stays": reloads}, "libvirt reloads consoles from 10.2 on"
    assert host.read("/etc/pki/CA/cacert.pem") == new.certificate


HALF_OPEN = f"""\
import socket, sys
kept = [socket.create_connection(("{ADDRESS}", 16514)) for _ in range(2)]
print("there", flush=True)
sys.stdin.read()
"""


def test_clients_that_never_end_their_handshake_do_not_keep_it_from_being_done(host: Machine) -> None:
    """libvirt 9.0 ends itself where it is told to reload meanwhile, and a client that stalls could wait for that."""
    authority = SiteAuthority()
    for name in ("first", "second"):
        files = issued(authority, authority.certificate, f"O=Example,CN={name}")
        put(host.path(f"/etc/{name}"), files)
    warden(host, "pki", "install", "/etc/first", "--yes")
    host.start_service("libvirtd --listen")
    process = host.read("/run/libvirt/libvirtd.pid")
    host.write("/etc/half.py", HALF_OPEN)
    stalled = subprocess.Popen(
        host._inside(sys.executable, "/etc/half.py"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert stalled.stdout is not None
    try:
        assert stalled.stdout.readline() == "there\n"
        assert "update-tls libvirtd: done" in warden(host, "pki", "rotate", "/etc/second", "--yes")
        assert host.read("/run/libvirt/libvirtd.pid") == process
        limits = host.ask("virt-admin", "server-clients-info", "libvirtd")
        assert [line.split() for line in limits.split("\n")][:1] == [["nclients_max", ":", "5000"]]
        assert "stays" not in host.ask("virsh", "list", "--all")
    finally:
        stalled.communicate("", timeout=10)
