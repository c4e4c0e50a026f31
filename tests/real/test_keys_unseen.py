"""No private key shows itself, not for a moment and nowhere, while certificates are placed, rotated and taken back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path, PurePath

import pytest

from tests.pki.disclosures import Disclosures, lines_of
from tests.real import services_script
from tests.real.credentials import SiteAuthority
from tests.real.furniture import COPIED, EMPTY
from tests.real.machine import Config, Machine
from tests.real.test_rotation import issued, put

pytestmark = pytest.mark.libvirt

WARDEN = (sys.executable, "-m", "virtwarden")
POLICY = """\
[remote]
transport = "tls"
certificates = "/etc/first"
listen = "192.0.2.10"
allowed_dns = ["O=Example,CN=admin"]
"""
QEMU_GROUP = 64055
OFFERED = ("remote-transport-offered", "tls-clients-listed", "tls-verifies-clients", "plain-tcp-off")
SHARED = ("/root", "/tmp", "/var/tmp", "/dev/shm")  # with what is not the machine


@pytest.fixture
def host(real_hosts: None) -> Iterator[Machine]:
    files = {services_script.LIBVIRTD: services_script.SCRIPT, "/etc/virt-warden/policy.toml": POLICY}
    with Machine(Config(name="kvmunseen", files=files, services=("virtlogd", "libvirtd"))) as machine:
        machine.path(services_script.LIBVIRTD).chmod(0o755)
        machine.path("/var/log/libvirt").mkdir(exist_ok=True)
        yield machine


def offered(host: Machine) -> list[str]:
    """Three folders, the last of another authority; all their keys."""
    old, new = SiteAuthority("O=Example,CN=old"), SiteAuthority("O=Example,CN=new")
    keys = []
    for name, authority in (("first", old), ("second", old), ("third", new)):
        for use in ("libvirt", "vnc"):
            files = issued(authority, authority.certificate, f"O=Example,CN={use} {name}")
            keys.append(files["serverkey.pem"])
            put(host.path(f"/etc/{name}/{use}"), files)
    return keys


def watched(host: Machine, keys: list[str]) -> Disclosures:
    folders = [host.path(each) for each in (*COPIED, *EMPTY, "/run")]
    group = next(
        (
            int(line.split(":")[2])
            for line in host.read("/etc/group").split("\n")
            if line.startswith("libvirt-qemu:")
        ),
        QEMU_GROUP,
    )
    return Disclosures(folders, host.path("/proc"), keys, (group,), [host.path(each) for each in SHARED])


def test_no_key_shows_itself(host: Machine, tmp_path: Path) -> None:
    keys, told = offered(host), []

    def warden(*words: str, code: int = 0) -> None:
        done = host.run(*WARDEN, *words)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        told.append(done.stdout + done.stderr)

    with watched(host, keys) as seen:
        warden("pki", "install", "/etc/first", "--yes")
        warden("rollback")
        warden("plan", "--control", *OFFERED, "--out", "/etc/plan.json", code=1)
        warden("apply", "/etc/plan.json", "--allow-disruptive", "--no-confirm", "--yes")
        warden("pki", "rotate", "/etc/second", "--yes")
        warden("pki", "rotate", "/etc/third", "--yes")
        warden("pki", "rotate", "/etc/third", "--yes")
        warden("pki", "rotate", "/etc/third", "--finish", "--yes")
        warden("rollback")
        warden("capture", "/etc/recording.json")
        warden("history", "--json")
    assert seen.found == set()
    places = {each.split()[0].rpartition("/")[2] for each in seen.kept}
    assert {"serverkey.pem", "server-key.pem"} <= places, "it looked at the keys that were placed"
    texts = [text.encode() for text in told]
    texts += [host.log(name).read_bytes() for name in ("virtlogd", "libvirtd")]
    every = [host.path("/etc/plan.json"), host.path("/etc/recording.json")]
    for folder in ("/var/lib/virt-warden", "/var/log"):
        every += [path for path in host.path(folder).rglob("*") if path.is_file()]
    assert any("virt-warden" in str(path) for path in every), "the journal"
    texts += [path.read_bytes() for path in every]
    assert [line for key in keys for line in lines_of(key) for text in texts if line in text] == []


SHOWS = """\
import os, subprocess, sys, time
key = open("/etc/first/libvirt/serverkey.pem").read()
line = key.split("\\n")[2]
def file(path):
    with open(path, "w") as opened:
        opened.write(key)
match sys.argv[1]:
    case "file":
        os.umask(0o022)
        file("/var/tmp/copy")
        time.sleep(0.05)
        os.unlink("/var/tmp/copy")
    case "mode":
        os.umask(0o077)
        os.mkdir("/var/log/new")
        file("/var/log/new/copy")
        os.chmod("/var/log/new/copy", 0o644)
        time.sleep(0.05)
        os.chmod("/var/log/new/copy", 0o600)
    case "group":
        os.umask(0o077)
        file("/run/copy")
        os.chown("/run/copy", 0, 50)
        os.chmod("/run/copy", 0o640)
        time.sleep(0.05)
        os.unlink("/run/copy")
    case "argument":
        subprocess.run(["sh", "-c", "sleep 0.05", line])
    case "environment":
        subprocess.run(["sleep", "0.05"], env={"KEY": line, "PATH": os.environ["PATH"]})
    case "nothing":
        os.umask(0o077)
        file("/run/other")
"""


def test_one_that_does_is_seen(host: Machine) -> None:
    keys = offered(host)
    host.write("/etc/shows.py", SHOWS)
    shown = {}
    for what in ("file", "mode", "group", "argument", "environment", "nothing"):
        with watched(host, keys) as seen:
            done = host.run(sys.executable, "/etc/shows.py", what)
        assert done.returncode == 0, done.stderr
        shown[what] = sorted(PurePath(each).name if each.startswith("/") else each[:17] for each in seen.found)
    assert shown == {
        "file": ["copy 0644 0"],
        "mode": ["copy 0644 0"],
        "group": ["copy 0640 50"],
        "argument": ["cmdline of b'sh'"],
        "environment": ["environ of b'KEY="],
        "nothing": [],
    }
