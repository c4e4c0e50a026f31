"""The firewall of a host lets in the networks that manage, and nobody else: healed by apply, tried on the wire, and
taken back rule for rule."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.real import systemd
from tests.real.firewallhost import (
    APPLY,
    MANAGER,
    MANAGING,
    OTHER,
    POLICY,
    PORTS,
    STRANGER,
    WARDEN,
    Before,
    furnished,
    reached,
    rules_in_force,
    start_firewalld,
    warden,
)
from tests.real.machine import Config, Machine
from virtwarden.controls.remote.management_sources_only import RULES, TABLE, UNIT, UNIT_TEXT, table_of
from virtwarden.edits import SetState
from virtwarden.model import Document
from virtwarden.stores.programs import Programs
from virtwarden.stores.systemd import Systemd
from virtwarden.stores.units import Units

pytestmark = pytest.mark.libvirt

OPENINGS, SOURCES = "firewall-openings-narrow", "management-sources-only"
YES, NO = (True, True), (False, False)
WANTS = "/etc/systemd/system/multi-user.target.wants"
PUBLIC = "/etc/firewalld/zones/public.xml"
_STAY = """
import socket, sys
far = socket.create_connection(("192.0.2.10", 22), 5, ("198.51.100.7", 0))
print(far.recv(200)[:4], flush=True)
sys.stdin.readline()
far.sendall(b"SSH-2.0-still\\r\\n")
print(len(far.recv(200)) > 100, flush=True)
"""


@pytest.fixture
def machine(real_hosts: None) -> Iterator[Machine]:
    with Machine(Config(name="kvmfirewall", services=("sshd",), files={POLICY: MANAGING})) as host:
        furnished(host)
        yield host


def enabled(machine: Machine, unit: str) -> None:
    link = machine.path(f"{WANTS}/{unit}")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(f"/lib/systemd/system/{unit}")


def planned(machine: Machine, control: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = json.loads(
        machine.run(*WARDEN, "plan", "--control", control, "--format", "json").stdout
    )
    return found


class Session:
    """A connection of a stranger's to sshd that was there before."""

    def __init__(self, machine: Machine) -> None:
        argv = machine.outside.entered(sys.executable, "-c", _STAY, kinds=("net",))
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "SSH-" in self.process.stdout.readline()

    def lives(self) -> bool:
        return self.process.communicate("go\n", timeout=20)[0].strip() == "True"


def is_closed(machine: Machine) -> None:
    """Nobody but the networks that manage gets to the ports; others are as they were, and so is the machine itself."""
    assert reached(machine, MANAGER) == dict.fromkeys((*PORTS, OTHER), YES)
    assert reached(machine, STRANGER) == {**dict.fromkeys(PORTS, NO), OTHER: YES}
    inside = "import socket; print(socket.create_connection(('127.0.0.1', 16514), 3).recv(4))"
    assert "here" in machine.ask(sys.executable, "-c", inside)


def is_open(machine: Machine) -> None:
    assert reached(machine, STRANGER) == dict.fromkeys((*PORTS, OTHER), YES)


def healed(machine: Machine, control: str, *folders: str) -> None:
    """Apply, look from both sides, plan again, and take it back."""
    is_open(machine)
    before = Before.of(machine, *folders)
    told = planned(machine, control)
    assert told["rewrites"]
    assert all(each["cuts"] for each in told["rewrites"] if each["path"] and "systemd" not in each["path"])
    session = Session(machine)
    warden(machine, *APPLY, control)
    is_closed(machine)
    assert session.lives()
    again = planned(machine, control)
    assert (again["rewrites"], again["unfixed"]) == ([], [])
    warden(machine, "scan", "--control", SOURCES, OPENINGS)
    warden(machine, "rollback")
    assert Before.of(machine, *folders) == before
    is_open(machine)


ZONE = """\
<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Public</short>
  <!-- the site's own -->
  <service name="ssh"/>
  <service name="libvirt-tls"/>
  <service name="vnc-server"/>
  <port port="5999" protocol="tcp"/>
  <port port="8443" protocol="tcp"/>
  <rule>
    <port port="49152-49215" protocol="tcp"/>
    <accept/>
  </rule>
  <rule family="ipv4">
    <source address="192.0.2.0/24"/>
    <service name="ssh"/>
    <accept/>
  </rule>
</zone>
"""


def test_firewalld_is_narrowed_and_reloaded(machine: Machine) -> None:
    enabled(machine, "firewalld.service")
    machine.write(PUBLIC, ZONE)
    start_firewalld(machine)
    machine.ask("ip", "addr", "add", "203.0.113.1/24", "dev", "br1")
    healed(machine, OPENINGS, "/etc/firewalld")


def test_what_firewalld_holds_at_run_time_alone_is_not_lost(machine: Machine) -> None:
    enabled(machine, "firewalld.service")
    start_firewalld(machine)
    machine.ask("firewall-cmd", "--add-port=8443/tcp")
    told = planned(machine, OPENINGS)
    assert told["rewrites"] == []
    assert "zone public: ports 8443/tcp" in told["unfixed"][0]["steps"][0]
    machine.ask("firewall-cmd", "--runtime-to-permanent")
    warden(machine, *APPLY, OPENINGS)
    assert reached(machine, STRANGER, 22, OTHER) == {22: NO, OTHER: YES}
    assert reached(machine, MANAGER, 22) == {22: YES}


def test_ufw_is_narrowed_and_reloaded(machine: Machine) -> None:
    for rule in ("OpenSSH", "16514", "8443/tcp", "49152:49215/tcp"):
        machine.ask("ufw", "allow", rule)
    machine.ask("ufw", "limit", "5900:5999/tcp", "comment", "consoles")
    machine.ask("ufw", "allow", "from", "192.0.2.0/24", "to", "any", "port", "16514")
    machine.ask("ufw", "--force", "enable")
    healed(machine, OPENINGS, "/etc/ufw")
    warden(machine, *APPLY, OPENINGS)
    kept = {path: machine.read(path) for path in ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")}
    machine.ask("ufw", "allow", "8444/tcp")
    machine.ask("ufw", "delete", "allow", "8444/tcp")
    assert {path: machine.read(path) for path in kept} == kept, "ufw writes it otherwise"


def test_the_table_goes_with_nftables_service(machine: Machine) -> None:
    enabled(machine, "nftables.service")
    machine.write("/etc/nftables.conf", "#!/usr/sbin/nft -f\n\nflush ruleset\n\ntable inet site {\n}\n")
    machine.ask("nft", "-f", "/etc/nftables.conf")
    before = machine.read("/etc/nftables.conf")
    healed(machine, SOURCES, "/etc/virt-warden")
    assert machine.read("/etc/nftables.conf") == before
    warden(machine, *APPLY, SOURCES)
    loaded = rules_in_force(machine)
    machine.ask("nft", "flush", "ruleset")
    for _ in range(2):  # what a boot does, and what `systemctl reload nftables` does
        machine.ask("nft", "-f", "/etc/nftables.conf")
        assert sorted(rules_in_force(machine).split("\n")) == sorted(loaded.split("\n"))
    is_closed(machine)


def test_a_table_follows_the_policy(machine: Machine) -> None:
    enabled(machine, "nftables.service")
    machine.write("/etc/nftables.conf", "flush ruleset\n")
    warden(machine, *APPLY, SOURCES)
    first = Before.of(machine, "/etc/virt-warden")
    machine.write(POLICY, MANAGING.replace("']", "', '198.51.100.0/24']"))
    changed = machine.path(POLICY).read_bytes()
    warden(machine, *APPLY, SOURCES)
    assert reached(machine, STRANGER, 22) == {22: (True, False)}
    warden(machine, "rollback")
    now = Before.of(machine, "/etc/virt-warden")
    assert now.rules == first.rules
    assert now.files == {**first.files, POLICY.lstrip("/"): changed}


def test_its_own_unit_loads_the_table_under_systemd(
    tmp_path: Path, real_hosts: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if reason := systemd.why_not():
        pytest.skip(reason)
    with systemd.booted(tmp_path) as host:
        monkeypatch.setenv("PATH", str(host.programs), prepend=":")
        rules = host.root / RULES.lstrip("/")
        rules.parent.mkdir(parents=True)
        rules.write_text(table_of(("192.0.2.0/24",), ((22, 22), (5900, 5999))))
        host.unit(UNIT, UNIT_TEXT)
        units, document = Units(Systemd(Programs(), settling=0.2), str(host.root)), Document("unit", UNIT)
        before = units.image(UNIT)
        units.put(UNIT, units.edited(document, before, [SetState("enabled")]))
        listed = ("nft", "list", "table", *TABLE.split(" "))
        assert "5900-5999" in host.run(*listed)
        host.run("systemctl", "reload", UNIT)
        assert "5900-5999" in host.run(*listed)
        units.put(UNIT, before)
        assert host.done(*listed).returncode != 0
        host.run("systemctl", "start", UNIT)
        host.run("nft", "delete", "table", *TABLE.split(" "))
        assert host.done("systemctl", "stop", UNIT).returncode == 0
        assert host.run("systemctl", "is-failed", UNIT).strip() == "inactive"


def test_with_neither_systemd_nor_nftables_service_a_person_loads_it(machine: Machine) -> None:
    told = planned(machine, SOURCES)
    assert told["rewrites"] == []
    assert any(
        "run nft -f /etc/virt-warden/management.nft at every boot" in s for s in told["unfixed"][0]["steps"]
    )
