"""The how-to "Manage a host from elsewhere", followed line by line by two real hosts."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.real import services_script
from tests.real.machine import Config, Machine

pytestmark = pytest.mark.libvirt

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "remote-management.md").read_text("utf-8")
BLOCK = re.compile(r"^```(toml)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAME, HOST, STATION = "kvm1.example.com", "198.51.100.10", "198.51.100.11"
HOME, POLICY, PASSPHRASE = "/etc/station", "/etc/virt-warden/policy.toml", "/etc/passphrase"
SCP = re.compile(rf"scp (?:-r )?(\S+) root@{re.escape(NAME)}:(\S+)")
PROGRAM = rf"""#!/bin/sh
# A person answers what this asks: the passphrase, and whether to apply. Both machines have the same programs,
# so that the station looks like a host of guests.
case "$*" in
*pki\ init*) set -- "$@" --here --passphrase-file {PASSPHRASE} ;;
*authority*) set -- "$@" --passphrase-file {PASSPHRASE} ;;
apply*) set -- "$@" --yes ;;
sasl\ add*) set -- "$@" --password-file {PASSPHRASE} ;;
esac
exec {sys.executable} -m virtwarden "$@"
"""
NOT_HERE = (
    "virt-warden console web --host kvm1.example.com --transport tls",
    f"virt-warden pki request server {NAME} {HOST} --out /etc/virt-warden/kvm1 --uses all",
    f"ssh root@{NAME} 'cd /etc/virt-warden/kvm1 && tar -c */request.pem' | tar -x --one-top-level=asked",
    "virt-warden pki sign asked --as server --authority ~/authority --out signed",
    f"scp -r signed/. root@{NAME}:/etc/virt-warden/kvm1/",
)
"""What the two machines have nothing for: the host runs no sshd that the station could ask, nor this guest. Keys that
never travel are another way to the same, which `tests/cli/test_pki_authority.py` goes."""
MAY_FIND = {"scan": (0, 1, 2), "plan": (0, 1), "prove": (0, 2), "pki status": (0, 1)}
"""Exit codes of commands that look; of all others it has to be 0."""


@dataclass
class Pair:
    """The two machines of the page."""

    host: Machine
    station: Machine

    def follow(self, line: str) -> str:
        """Type a line of the page where it belongs; what it said. Asserts that it went as it should."""
        prompt, _, command = line.partition(" ")
        if (copied := SCP.fullmatch(command)) is not None:
            self._copy(copied[1], copied[2])
            return ""
        machine, home = (self.host, "/etc") if prompt == "host#" else (self.station, HOME)
        environment = {"HOME": home, "PATH": "/etc/programs:/usr/sbin:/usr/bin:/sbin:/bin"}
        done = machine.run("sh", "-ec", f"cd {home}; {command}", env=environment)
        wanted = next(
            (codes for verb, codes in MAY_FIND.items() if command.startswith(f"virt-warden {verb}")), (0,)
        )
        assert done.returncode in wanted, f"{line}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}"
        return done.stdout + done.stderr

    def _copy(self, what: str, where: str) -> None:
        source = self.station.path(what.replace("~", HOME) if what.startswith("~") else f"{HOME}/{what}")
        target = self.host.path(where) / source.name
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)


@pytest.fixture
def pair(real_hosts: None) -> Iterator[Pair]:
    files = {
        services_script.LIBVIRTD: services_script.SCRIPT,
        services_script.SSHD: services_script.SSHD_SCRIPT,
        "/etc/programs/virt-warden": PROGRAM,
        PASSPHRASE: "correct horse battery staple\n",
    }
    with (
        Machine(Config(name="kvm1", files=files)) as host,
        Machine(Config(name="station", address="192.0.2.11", files=files, services=())) as station,
    ):
        for machine in (host, station):
            for path in (services_script.LIBVIRTD, services_script.SSHD, "/etc/programs/virt-warden"):
                machine.path(path).chmod(0o755)
            machine.path("/var/log/libvirt").mkdir(exist_ok=True)
            machine.write("/etc/hosts", machine.read("/etc/hosts") + f"{HOST}\t{NAME}\n")
        host.join(station, f"{HOST}/24", f"{STATION}/24")
        station.path(HOME).mkdir()
        host.ask("useradd", "--no-create-home", "--home-dir", "/run/virtadmin", "virtadmin")
        host.path("/run/virtadmin/.ssh").mkdir(parents=True)
        host.write("/run/virtadmin/.ssh/authorized_keys", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6x alice@desk\n")
        yield Pair(host, station)


def test_every_line_does_what_the_page_says(pair: Pair) -> None:
    said: dict[str, str] = {}
    policy = ""
    for kind, text in BLOCK.findall(PAGE):
        if kind == "toml":
            policy = text if text.startswith("[remote]") else policy + text
            pair.host.write(POLICY, policy)
            continue
        for line in text.splitlines():
            assert line.startswith(("station$ ", "host# ")), line
            if line == "host# virt-warden history":
                _require_lasting(pair)
            if line.partition(" ")[2] not in NOT_HERE:
                said[line] = pair.follow(line)
    told = "\n".join(said.values())
    assert "does not hold" not in told
    proved = next(text for line, text in said.items() if "prove remote" in line)
    assert proved.count("✓") >= 8, proved
    (opened,) = (text for line, text in said.items() if "connect" in line and "tls" in line)
    assert f"qemu+tls://{NAME}/system" in opened
    assert set(NOT_HERE) <= {
        line.partition(" ")[2] for _, text in BLOCK.findall(PAGE) for line in text.splitlines()
    }


def _require_lasting(pair: Pair) -> None:
    """After renewal and revocation the policy still has no wish to bring the old certificates back, and whose
    certificate was taken back is on the list of each use."""
    said = pair.follow("host# virt-warden scan --control remote-transport-offered --detail full")
    assert "is not what" not in said
    assert pair.host.run("ls", "/etc/virt-warden").stdout.split() == ["cacrl.pem", "kvm1", "policy.toml"]
    for place in ("CA/cacrl.pem", "libvirt-vnc/ca-crl.pem", "libvirt-spice/ca-crl.pem"):
        shown = pair.host.ask("openssl", "crl", "-in", f"/etc/pki/{place}", "-noout", "-text")
        assert "Serial Number" in shown, place
