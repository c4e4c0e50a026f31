"""libvirtd reads its certificates anew while clients come and sessions stay, and lets clients in again whoever dies."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509 import load_pem_x509_certificate

from tests.apply.worlds import tree
from tests.real.credentials import SiteAuthority
from tests.real.machine import Config, Machine
from tests.real.test_rotation import ADDRESS, issued, put

pytestmark = pytest.mark.libvirt

CONF = """\
listen_tls = 1
auth_tls = "none"
tls_allowed_dn_list = [ "O=Example,CN=admin" ]
max_clients = 300
max_anonymous_clients = 37
"""
SITES = ["300", "37"]
CLIENT = f"""\
import json, pathlib, socket, ssl, sys, threading, time
context = ssl.create_default_context(cafile="/etc/client/cacert.pem")
context.load_cert_chain("/etc/client/clientcert.pem", "/etc/client/clientkey.pem")

def connected():
    plain = socket.create_connection(("{ADDRESS}", 16514), 30)
    wire = context.wrap_socket(plain, server_hostname="{ADDRESS}")
    if wire.recv(1) != b"\\x01":
        raise OSError("the daemon hung up")
    return wire

"""
COMING = f"""\
{CLIENT}
failed, done, longest = [], [], [0.0]
def come():
    while not pathlib.Path("/etc/stop").exists() or sum(done) < 1000:
        began = time.monotonic()
        try:
            connected().close()
        except OSError as wrong:
            failed.append(str(wrong))
        longest[0] = max(longest[0], time.monotonic() - began)
        done.append(1)
threads = [threading.Thread(target=come) for _ in range(4)]
[each.start() for each in threads]
print("there", flush=True)
[each.join() for each in threads]
print(json.dumps({{"done": len(done), "failed": failed, "longest": longest[0]}}))
"""
STAYING = f"""\
{CLIENT}
ask = bytes.fromhex("0000001c 20008086 00000001 00000042 00000000 00000001 00000000")
def asked(wire):
    wire.sendall(ask)
    return wire.recv(4) != b""
kept = [connected() for _ in range(100)]
assert all(map(asked, kept))
print("there", flush=True)
sys.stdin.readline()
print(sum(map(asked, kept)), flush=True)
"""
RELOADS = """\
from virtwarden.stores.programs import Programs
from virtwarden.stores.tlsreload import TlsDaemon
for _ in range(8):
    assert TlsDaemon("libvirtd", Programs()).reload() == ""
"""
KILLED = """\
import json, os, signal, subprocess, sys, time
from pathlib import Path
from tests.apply.killing import killed_at, points_of
from virtwarden.stores.heldback import Door, doors
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.stores.tlsreload import TlsDaemon

daemon, door = TlsDaemon("libvirtd", Programs()), Door("libvirtd", Programs())
def limits():
    told = door.ask("server-clients-info", "libvirtd").stdout
    return [line.split()[-1] for line in told.split("\\n") if "max" in line]

def kill_the_other():
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"sh\\0-c\\0trap"):
                os.kill(int(path.parent.name), signal.SIGKILL)
        except OSError:
            pass

points = points_of(daemon.reload)
own, told, wrong = 0, 0, []
every = [*range(1, points + 1, max(points // 8, 1)), *range(2, points + 1, max(points // 8, 1))]
for count, point in enumerate(every):
    killed_at(point, daemon.reload)
    alone = count % 2
    if not alone:
        kill_the_other()
    began = time.monotonic()
    while limits() != SITES and alone and time.monotonic() - began < 5:
        time.sleep(0.05)
    left = limits()
    if left != SITES:
        own += 1
        if alone:
            wrong.append(f"killed at {point}: {left} by itself")
    lines = list(Keeper().let_clients_in())
    told += bool(lines)
    if limits() != SITES or list(doors(Programs())):
        wrong.append(f"killed at {point}: {limits()} after {lines}")
print(json.dumps({"points": points, "tried": every, "closed": own, "told": told, "wrong": wrong}))
""".replace("SITES", repr(SITES))


@pytest.fixture(scope="module")
def host(real_hosts: None) -> Iterator[Machine]:
    with Machine(
        Config(name="kvmdoor", files={"/etc/libvirt/libvirtd.conf": CONF}, services=("virtlogd",))
    ) as made:
        authority = SiteAuthority()
        put(made.path("/etc/first"), issued(authority, authority.certificate, "O=Example,CN=first"))
        put(made.path("/etc/second"), issued(authority, authority.certificate, "O=Example,CN=second"))
        put(made.path("/etc/client"), issued(authority, authority.certificate, "O=Example,CN=admin", "client"))
        done = made.run(sys.executable, "-m", "virtwarden", "pki", "install", "/etc/first", "--yes")
        assert done.returncode == 0, done.stderr
        made.start_service("libvirtd --listen")
        yield made


@contextmanager
def clients(host: Machine, name: str, program: str) -> Iterator[subprocess.Popen[str]]:
    """A program of clients that says when they are there."""
    host.write(f"/etc/{name}.py", program)
    argv = host._inside(sys.executable, f"/etc/{name}.py")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "there\n"
            yield process
        finally:
            process.kill()


def limits(host: Machine) -> list[str]:
    told = host.ask("virt-admin", "server-clients-info", "libvirtd")
    return [line.split()[-1] for line in told.split("\n") if "max" in line]


def reload_often(host: Machine) -> None:
    done = host.run(sys.executable, "-c", RELOADS)
    assert done.returncode == 0, done.stderr


def test_no_client_of_a_thousand_is_refused_and_no_session_ends(host: Machine) -> None:
    process = host.read("/run/libvirt/libvirtd.pid")
    with clients(host, "staying", STAYING) as staying, clients(host, "coming", COMING) as coming:
        reload_often(host)
        host.write("/etc/stop", "")
        told = json.loads(coming.communicate(timeout=120)[0])
        assert told["failed"] == []
        assert told["done"] >= 1000
        assert told["longest"] < 5, "seconds"
        assert staying.communicate("now\n", timeout=30)[0] == "100\n"
    assert host.read("/run/libvirt/libvirtd.pid") == process
    assert limits(host) == SITES


def test_whoever_is_killed_at_whatever_step_the_sites_limits_hold_again(host: Machine) -> None:
    """Where we alone are killed they do so by themselves; where all of ours are, at the next roll-back or apply."""
    host.write("/etc/killed.py", KILLED)
    here = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = host.run(sys.executable, "/etc/killed.py", env=here)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == []
    assert told["closed"] > 0
    assert told["told"] >= told["closed"]


def is_whole(host: Machine) -> bool:
    """Whether the key in place is that of the certificate in place."""
    certificate = load_pem_x509_certificate(host.path("/etc/pki/libvirt/servercert.pem").read_bytes())
    key = load_pem_private_key(host.path("/etc/pki/libvirt/private/serverkey.pem").read_bytes(), None)
    return certificate.public_key() == key.public_key()


def test_a_rotation_that_is_killed_at_random_is_whole_or_taken_back_whole(host: Machine) -> None:
    warden = (sys.executable, "-m", "virtwarden")
    rotation = (*warden, "pki", "rotate", "/etc/second", "--yes")
    start, process = tree(host.path("/etc/pki")), host.read("/run/libvirt/libvirtd.pid")
    began = time.monotonic()
    assert host.run(*rotation).returncode == 0
    took, done = time.monotonic() - began, tree(host.path("/etc/pki"))
    assert host.run(*warden, "rollback").returncode == 0
    for _ in range(4):
        delay = random.uniform(0.5, 1.0) * took
        host.run("timeout", "-s", "KILL", f"{delay:.3f}", *rotation)
        statuses = [each["status"] for each in json.loads(host.run(*warden, "history", "--json").stdout)]
        said = f"killed after {delay:.3f} s of {took:.3f} s: {statuses[0]}"
        if statuses[0] == "interrupted" or tree(host.path("/etc/pki")) != start:
            assert statuses[0] == "interrupted" or tree(host.path("/etc/pki")) == done, said
            assert host.run(*warden, "rollback").returncode == 0, said
        assert tree(host.path("/etc/pki")) == start, said
        assert is_whole(host), said
        assert limits(host) == SITES, said
    assert host.read("/run/libvirt/libvirtd.pid") == process, "it was never ended"
    with clients(host, "staying", STAYING) as staying:
        assert staying.communicate("now\n", timeout=30)[0] == "100\n"
