"""A real host is changed, its own programs say that it is, and it is taken back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.apply.worlds import tree
from tests.real import guests, services_script
from tests.real.machine import Config, Machine

WARDEN = (sys.executable, "-m", "virtwarden")
FILES = {services_script.LIBVIRTD: services_script.SCRIPT, services_script.SSHD: services_script.SSHD_SCRIPT}
SERVED = (
    "interfaces-filtered", "disk-caches-safe", "guest-bridges-without-addresses", "ssh-passwords-off",
    "qemu-seccomp-on", "libvirt-audit-on", "images-private", "builtin-filters-intact",
)  # fmt: skip


@dataclass
class Changed:
    """A machine that is changed by the command line, as its administrator would."""

    machine: Machine

    def warden(self, *words: str, code: int = 0) -> str:
        done = self.machine.run(*WARDEN, *words)
        assert done.returncode == code, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout + done.stderr

    def state(self) -> dict[str, object]:
        """All that a roll-back has to bring back: files with all that belongs to them, definitions, what runs."""
        ask = self.machine.ask
        names = ask("virsh", "list", "--all", "--name").split()
        filters = re.findall(r"\S+$", ask("virsh", "-q", "nwfilter-list"), re.MULTILINE)
        return {
            "files": tree(self.machine.path("/etc")),
            "images": {name: value[1:4] for name, value in tree(self.machine.path(guests.IMAGES)).items()},  # type: ignore[index]
            "domains": {n: ask("virsh", "dumpxml", "--inactive", "--security-info", n) for n in names},
            "filters": {name: ask("virsh", "nwfilter-dumpxml", name) for name in filters},
            "bindings": sorted(ask("virsh", "-q", "nwfilter-binding-list").split("\n")),
            "sysctl": ask("sysctl", "net.ipv6.conf.br1.disable_ipv6"),
            "sshd": self.methods(),
        }

    def settled(self, wanted: dict[str, object]) -> dict[str, object]:
        """The state once it is the wanted one, or after a while: daemons that read settings anew take a moment."""
        deadline = time.monotonic() + 10
        while (found := self.state()) != wanted and time.monotonic() < deadline:
            time.sleep(0.3)
        return found

    def methods(self) -> str:
        """The ways to log in that the running sshd offers to a stranger."""
        argv = self.machine.ssh_access.argv("true")
        stranger = [*argv[:-2], "-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=none", *argv[-2:]]
        done = subprocess.run(stranger, capture_output=True, text=True, timeout=30, check=False)
        found = re.search(r"Permission denied \((.*)\)", done.stderr)
        assert found is not None, done.stderr
        return found[1]


@pytest.fixture(scope="module")
def changed(real_hosts: None) -> Iterator[Changed]:
    with Machine(Config(name="kvmchanged", files=FILES)) as machine:
        for script in FILES:
            machine.path(script).chmod(0o755)
        with machine.path("/etc/libvirt/qemu.conf").open("a") as conf:
            conf.write("seccomp_sandbox = 0\n")
        guests.populate(machine)
        tampered = machine.ask("virsh", "nwfilter-dumpxml", "no-mac-spoofing").replace(
            "action='drop'", "action='accept'"
        )
        machine.ask("virsh", "nwfilter-define", "/dev/stdin", given=tampered)
        yield Changed(machine)


@pytest.mark.libvirt
def test_a_host_is_changed_as_its_own_programs_see_it_and_taken_back(changed: Changed) -> None:
    machine, start = changed.machine, changed.state()
    changed.warden("plan", "--control", *SERVED, "--out", "/root/plan.json", code=1)
    assert machine.path("/root/plan.json").stat().st_mode & 0o777 == 0o600
    told = changed.warden("apply", "/root/plan.json", "--yes", "--allow-disruptive", "--no-confirm")
    assert "restart libvirtd: done" in told

    assert "no-mac-spoofing" in machine.ask("virsh", "dumpxml", "--inactive", "db")
    assert len(machine.ask("virsh", "-q", "nwfilter-binding-list").split("\n")) > len(start["bindings"])  # type: ignore[arg-type]
    assert re.search(r"-I-vnet\d+-mac|I-vnet\d+-mac", machine.ask("ebtables-save"))
    assert machine.ask("sysctl", "-n", "net.ipv6.conf.br1.disable_ipv6").strip() == "1"
    assert "password" not in changed.methods()
    assert "action='drop'" in machine.ask("virsh", "nwfilter-dumpxml", "no-mac-spoofing")
    machine.ask("virsh", "destroy", "db")
    machine.ask("virsh", "start", "db")
    process = machine.read("/run/libvirt/qemu/db.pid").strip()
    assert re.search(r"^Seccomp:\s*2", machine.ask("cat", f"/proc/{process}/status"), re.MULTILINE)

    again = changed.warden("plan", "--control", *SERVED, "--format", "json", code=1)
    assert json.loads(again)["rewrites"] == []
    changed.warden("rollback")
    assert changed.settled(start) == start
    assert json.loads(changed.warden("history", "--json"))[0]["status"] == "rolled back"


def forged(
    changed: Changed, name: str, document: tuple[str, str], edit: Mapping[str, object], controls: list[str]
) -> None:
    """A plan that asks for what its reader will refuse."""
    plan = json.loads(changed.warden("plan", "--control", *controls, "--format", "json", code=1))
    rewrite = next(r for r in plan["rewrites"] if r["document"] == {"kind": document[0], "name": document[1]})
    rewrite["edits"].append(edit)
    changed.machine.write(name, json.dumps(plan))


@pytest.mark.libvirt
def test_xml_that_libvirt_refuses_costs_nothing(changed: Changed) -> None:
    start = changed.state()
    edit = {
        "type": "InsertElement",
        "path": "devices",
        "xml": "<interface type='bridge'><model type='x'/></interface>",
    }
    forged(changed, "/root/refused.json", ("domain", "db"), edit, ["disk-caches-safe", "interfaces-filtered"])
    told = changed.warden("apply", "/root/refused.json", "--yes", "--allow-disruptive", "--no-confirm", code=1)
    assert "requires a 'source' element" in told
    assert "everything is as it was before" in told
    assert changed.settled(start) == start


@pytest.mark.libvirt
def test_a_daemon_that_does_not_restart_is_brought_up_again(changed: Changed) -> None:
    """Without a security module libvirtd does not start with `security_require_confined`; this machine has none."""
    start = changed.state()
    edit = {"type": "SetConf", "key": "security_require_confined", "value": 1}
    forged(
        changed,
        "/root/dead.json",
        ("file", "/etc/libvirt/qemu.conf"),
        edit,
        ["qemu-seccomp-on", "interfaces-filtered"],
    )
    told = changed.warden("apply", "/root/dead.json", "--yes", "--allow-disruptive", "--no-confirm", code=1)
    assert "libvirtd does not restart" in told
    assert changed.settled(start) == start


@pytest.mark.libvirt
def test_a_file_that_cannot_be_replaced_costs_nothing(changed: Changed) -> None:
    machine, start = changed.machine, changed.state()
    conf = "/etc/ssh/sshd_config"
    machine.ask("mount", "--bind", conf, conf)
    try:
        words = ("--control", *SERVED, "--yes", "--allow-disruptive", "--no-confirm")
        told = changed.warden("apply", *words, code=1)
    finally:
        machine.ask("umount", conf)
    assert f"{conf}: device or resource busy" in told
    assert changed.settled(start) == start


@pytest.mark.libvirt
def test_it_is_taken_back_unless_it_is_confirmed_even_when_the_program_is_gone(changed: Changed) -> None:
    start = changed.state()
    words = ("apply", "--control", "ssh-passwords-off", "--allow-disruptive", "--yes", "--confirm", "3")
    told = changed.warden(*words)
    assert "virt-warden confirm" in told
    assert "password" not in changed.methods()
    assert "waits to be confirmed" in changed.warden("scan", code=3)
    wait_for(lambda: changed.state() == start)
    assert "password" in changed.methods()
    changed.warden("confirm", code=3)
    changed.warden("apply", *words[1:-1], "60")
    changed.warden("confirm")
    changed.warden("rollback")
    assert changed.settled(start) == start


@pytest.mark.libvirt
def test_what_can_cut_the_way_in_wants_to_be_confirmed(changed: Changed) -> None:
    start = changed.state()
    told = changed.warden("apply", "--control", "ssh-passwords-off", "--allow-disruptive", "--yes", code=3)
    assert "--confirm SECONDS" in told
    assert changed.settled(start) == start


@pytest.mark.libvirt
def test_what_somebody_changed_since_is_shown_and_kept(changed: Changed) -> None:
    machine, start = changed.machine, changed.state()
    changed.warden(
        "apply", "--control", "disk-caches-safe", "libvirt-audit-on", "--yes", "--allow-disruptive", "--no-confirm"
    )
    mine = machine.ask("virsh", "dumpxml", "--inactive", "--security-info", "build").replace(
        "<vcpu", "<title>mine</title>\n  <vcpu", 1
    )
    machine.ask("virsh", "define", "/dev/stdin", given=mine)
    drifted = changed.state()
    told = changed.warden("rollback", code=1)
    assert "virt-warden wrote" in told
    assert "+  <title>mine</title>" in told
    assert changed.settled(drifted) == drifted
    told = changed.warden("rollback", "--force")
    assert changed.settled(start) == start
    kept = re.search(r"virt-warden rollback (\S+) brings it back", told)
    assert kept is not None
    changed.warden("rollback", kept[1])
    assert "<title>mine</title>" in machine.ask("virsh", "dumpxml", "--inactive", "build")
    machine.ask("virsh", "define", "/dev/stdin", given=start["domains"]["build"])  # type: ignore[index]


@pytest.mark.libvirt
def test_killed_anywhere_a_real_host_comes_back(changed: Changed) -> None:
    controls = ("interfaces-filtered", "disk-caches-safe", "guest-bridges-without-addresses", "ssh-passwords-off",
                "builtin-filters-intact", "images-private")  # fmt: skip
    changed.warden("plan", "--control", *controls, "--out", "/root/killed.json", code=1)
    argv = (sys.executable, "-m", "tests.real.killedlive", "/root/killed.json", "5")
    here = {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = changed.machine.run(*argv, env=here, timeout=900)
    assert done.returncode == 0, done.stderr[-6000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["wrong"] == []
    assert told["applied"]["open"] >= 3
    assert told["undone"]["open"] >= 3


def wait_for(done: object, patience: float = 30.0) -> None:
    deadline = time.monotonic() + patience
    while not done():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.5)
