"""What plan and apply set for SSH, consoles and the firewall holds on a real host, and is taken back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import services_script
from tests.real.guests import Guest, define, start
from tests.real.machine import Config, Machine
from tests.real.services import AUTHORIZED_KEYS
from tests.real.test_reaching import far

pytestmark = pytest.mark.libvirt

WARDEN = (sys.executable, "-m", "virtwarden")
POLICY = "/etc/virt-warden/policy.toml"
FILES = {services_script.LIBVIRTD: services_script.SCRIPT, services_script.SSHD: services_script.SSHD_SCRIPT}
VNC = "<graphics type='vnc' port='-1' autoport='yes'>\n  <listen type='address' address='{}'/>\n</graphics>\n"
OPEN, LOCAL = (
    Guest("open", 11, "Open console", VNC.format("0.0.0.0")),
    Guest("near", 12, "", VNC.format("127.0.0.1")),
)
APPLY = ("apply", "--yes", "--allow-disruptive", "--no-confirm", "--control")


@pytest.fixture(scope="module")
def machine(real_hosts: None) -> Iterator[Machine]:
    with Machine(Config(name="kvmsettings", files=FILES)) as host:
        for script in FILES:
            host.path(script).chmod(0o755)
        with host.path("/etc/ssh/sshd_config").open("a") as conf:
            conf.write(f"AuthorizedKeysFile {AUTHORIZED_KEYS}\n")
        for guest in (OPEN, LOCAL):
            define(host, guest)
        start(host, LOCAL.name)
        yield host


def warden(machine: Machine, *words: str, code: int = 0) -> str:
    done = machine.run(*WARDEN, *words)
    assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def has_shell(machine: Machine) -> bool:
    done = subprocess.run(
        machine.ssh_access.argv("id", "-u"), capture_output=True, text=True, timeout=30, check=False
    )
    return done.stdout.strip() == "0"


def tunnels_to(machine: Machine, port: int) -> bool:
    """Whether ssh carries a connection to that port of the machine's loopback address, and something answers there."""
    argv = list(machine.ssh_access.argv("true"))[:-1]
    argv[1:1] = ["-W", f"127.0.0.1:{port}"]
    done = subprocess.run(argv, input="", capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.startswith(("RFB", "SSH-"))


def test_the_accounts_key_opens_libvirt_and_consoles_and_nothing_else(machine: Machine, tmp_path: Path) -> None:
    machine.write(POLICY, "[remote]\nssh_user = 'root'\nssh_consoles = true\n")
    machine.write("/etc/ssh/sshd_config.d/10-site.conf", "X11Forwarding yes\n")
    keys = machine.read(AUTHORIZED_KEYS)
    display = 5900 + int(machine.ask("virsh", "vncdisplay", "near").strip().rpartition(":")[2])
    assert has_shell(machine)
    assert tunnels_to(machine, 22)
    controls = ("ssh-keys-restricted", "ssh-account-limited")
    warden(machine, *APPLY, *controls)
    assert not has_shell(machine)
    assert tunnels_to(machine, display)
    assert not tunnels_to(machine, 22)
    name = machine.config.name
    done = far(machine, tmp_path, "connect", name, "--user", "root", "--run", given="list\n")
    assert "near" in done.stdout, done.stderr
    done = far(machine, tmp_path, "console", "near", "--host", name, "--user", "root", "--run")
    assert done.stdout.startswith("RFB"), done.stderr
    warden(machine, "rollback")
    assert has_shell(machine)
    assert machine.read(AUTHORIZED_KEYS) == keys


@pytest.mark.parametrize(
    ("listen", "where"), [("socket", ""), ("loopback", "127.0.0.1"), ("management", "192.0.2.10")]
)
def test_a_guests_console_goes_where_the_policy_says(machine: Machine, listen: str, where: str) -> None:
    machine.write(POLICY, f"[console]\nlisten = '{listen}'\n[remote]\nlisten = '192.0.2.10'\n")
    before = machine.ask("virsh", "dumpxml", "--inactive", "open")
    warden(machine, *APPLY, "consoles-listen-narrowly")
    start(machine, "open")
    try:
        shown = machine.ask("virsh", "domdisplay", "--type", "vnc", "open") if where else ""
        live = machine.ask("virsh", "dumpxml", "open")
    finally:
        machine.ask("virsh", "destroy", "open")
    assert where in shown
    assert (f"address='{where}'" if where else "<listen type='socket' socket='/") in live
    warden(machine, "scan", "--control", "consoles-listen-narrowly")
    warden(machine, "rollback")
    assert machine.ask("virsh", "dumpxml", "--inactive", "open") == before


CONNECT = """
import socket, sys
source, port = sys.argv[1], int(sys.argv[2])
try:
    with socket.create_connection(("192.0.2.10", port), 1.5, (source, 0)) as far:
        print(far.recv(4))
except OSError:
    print("refused")
"""


def reaches(machine: Machine, source: str, port: int) -> bool:
    argv = machine.outside.entered(sys.executable, "-c", CONNECT, source, str(port), kinds=("net",))
    said = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True).stdout
    return "SSH-" in said


def test_foreign_networks_are_kept_from_the_ports_of_management(machine: Machine) -> None:
    machine.write(POLICY, "[network]\nmanagement_sources = ['192.0.2.0/24']\n")
    stranger = "198.51.100.7"
    add = machine.outside.entered("ip", "addr", "add", f"{stranger}/24", "dev", "eth0", kinds=("net",))
    subprocess.run(add, check=True, timeout=30)
    assert reaches(machine, "192.0.2.1", 22)
    assert reaches(machine, stranger, 22)
    control = "management-sources-only"
    told = json.loads(warden(machine, "scan", "--control", control, "--format", "json", code=1))
    found = told["outcomes"][0]["findings"]
    assert {finding["subject"]["name"] for finding in found} == {"0.0.0.0:22", "[::]:22"}
    text = found[0]["fix"][0]["edit"]["text"]
    machine.write("/etc/own.nft", text)
    machine.ask("nft", "-f", "/etc/own.nft")
    try:
        machine.ask("nft", "-f", "/etc/own.nft")
        assert reaches(machine, "192.0.2.1", 22)
        assert not reaches(machine, stranger, 22)
        warden(machine, "scan", "--control", control)
    finally:
        machine.ask("nft", "delete", "table", "inet", "virtwarden_management")
    assert reaches(machine, stranger, 22)
