"""`virt-warden prove audit` against the kernel's own audit system, a real auditd, libvirtd and QEMU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real import auditd as harness
from tests.real.auditd import Auditd, auditctl, kernel_audit
from tests.real.machine import Config, Machine, wait_until
from virtwarden.host import Host
from virtwarden.lab import PREFIX, Act, Deaf, Way
from virtwarden.labs import acts, guests, sweeping
from virtwarden.labs.auditlog import AuditLog
from virtwarden.labs.thishost import ThisHost
from virtwarden.model import Observation
from virtwarden.prove.audit import prove_guest, prove_rules
from virtwarden.sources.local import Local

pytestmark = pytest.mark.libvirt
QEMU = "/usr/bin/qemu-system-x86_64"
_SMALL = """\
<domain type='qemu'>
  <name>{name}</name>
  <memory unit='KiB'>1024</memory>
  <os><type>hvm</type></os>
</domain>
"""


@pytest.fixture
def watched(tmp_path: Path) -> Path:
    """A folder with what rules watch on a host."""
    if reason := harness.why_not():
        pytest.skip(reason)
    for name in ("etc", "images"):
        (tmp_path / name).mkdir()
    (tmp_path / "key.pem").write_text("a key")
    (tmp_path / "program").write_text(f"#!/bin/sh\necho ran > {tmp_path}/ran\n")
    (tmp_path / "program").chmod(0o755)
    return tmp_path


@pytest.fixture
def apart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for auditd that no rule watches."""
    return tmp_path_factory.mktemp("auditd")


@pytest.fixture
def kernel(watched: Path) -> Iterator[None]:
    """The kernel's audit system, for this test alone."""
    with kernel_audit():
        yield


def rules_for(place: Path) -> str:
    """Rules of every kind that can be fired here, for both widths of system calls."""
    return "".join(
        f"{line}\n"
        for arch in ("b64", "b32")
        for line in (
            f"-a never,exit -F arch={arch} -F dir={place}/images -F perm=wa -F exe=/usr/bin/qemu-img",
            f"-a never,exit -F arch={arch} -F dir={place}/images -F perm=wa -F exe={QEMU} -F auid=unset",
            f"-a always,exit -F arch={arch} -F dir={place}/images -F perm=wa -F key=virt_image_change",
            f"-a always,exit -F arch={arch} -F dir={place}/etc -F perm=wa -F key=virt_libvirt_cfg",
            f"-a always,exit -F arch={arch} -F path={place}/key.pem -F perm=r -F key=virt_tls_privkey",
            f"-a always,exit -F arch={arch} -F path={place}/key.pem -F perm=a -F key=virt_tls_cert",
            f"-a always,exit -F arch={arch} -F path={place}/program -F perm=x -F auid>=1000 -F auid!=unset -k virt_by",
            f"-a always,exit -F arch={arch} -F path={place}/program -F perm=x -k virt_exec",
            f"-a always,exit -F arch={arch} -F path={QEMU} -F perm=x -F auid!=unset -F key=virt_qemu_manual",
            f"-a always,exit -F arch={arch} -F path={QEMU} -F perm=x -F key=virt_qemu_exec",
        )
    )


def proved(auditd: Auditd, patience: float = 10) -> list[Observation]:
    """What the proof says of the rules that are loaded now."""
    lab = ThisHost(str(auditd.log), patience=patience)
    host = Host(Local())
    with lab.open(()):
        return [each for each in prove_rules(host, lab) if "and is not loaded" not in each.seen]


def tree(place: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every file with its mode, size, time of change and content."""
    return {
        str(path): (
            (found := path.stat()).st_mode,
            found.st_size,
            found.st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(place.rglob("*"))
        if path.is_file()
    }


def test_every_rule_fires_and_nothing_is_altered(
    kernel: None, watched: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = tree(watched)
    for form in ("RAW", "ENRICHED"):
        folder = tmp_path_factory.mktemp("auditd")
        with Auditd(folder, rules_for(watched), "RAW" if form == "RAW" else "ENRICHED") as auditd:
            found = proved(auditd)
            auditctl("-D")
        assert [(each.claim, each.seen) for each in found if not each.holds] == []
    assert len(found) == 16 + 2
    assert tree(watched) == before, "nor did the program run that was started"
    assert not [name for name in os.listdir("/run") if name.startswith(PREFIX) and name != f"{PREFIX}lock"]


def test_a_record_that_is_named_is_in_the_log(kernel: None, watched: Path, apart: Path) -> None:
    with Auditd(apart, rules_for(watched)) as auditd:
        for each in proved(auditd):
            id_ = each.seen.rpartition(" ")[2]
            assert f"type=SYSCALL msg=audit({id_})" in auditd.text()


def test_the_rules_that_are_made_for_this_host_fire_on_it(kernel: None, tmp_path: Path) -> None:
    made = subprocess.run(
        (sys.executable, "-m", "virtwarden", "audit", "rules"), capture_output=True, text=True, check=True
    )
    with Auditd(tmp_path / "auditd", made.stdout) as auditd:
        found = proved(auditd)
    wrong = [each for each in found if each.holds is False and "is a script" not in each.seen]
    assert wrong == [], "an exception for a program that is a script cannot work"
    assert sum(each.holds is True for each in found) > len(found) / 2


def test_a_rule_that_was_removed_is_missed_and_one_that_is_shadowed_is_named(
    kernel: None, watched: Path, tmp_path: Path
) -> None:
    shadow = f"-a never,exit -F arch=b64 -F dir={watched}/etc -F perm=wa"
    always = f"-a always,exit -F arch=b64 -F dir={watched}/etc -F perm=wa -F key=virt_libvirt_cfg"
    with Auditd(tmp_path / "auditd", f"{always}\n") as auditd:
        assert [each.holds for each in proved(auditd)] == [True]
        auditctl("-D")
        assert [(each.holds, each.seen) for each in proved(auditd)] == [
            (False, "no loaded rule has a key like virt_*")
        ]
        auditd.load(f"{shadow}\n{always}\n")
        (seen,) = proved(auditd)
    assert seen.holds is False
    assert seen.seen.startswith("an earlier rule takes all that it asks for: -a never,exit")


def test_the_kernel_watches_a_link_itself_and_the_proof_shows_it(
    kernel: None, watched: Path, tmp_path: Path
) -> None:
    (watched / "link").symlink_to(watched / "etc")
    rule = f"-a always,exit -F arch=b64 -F dir={watched}/link -F perm=wa -F key=virt_link\n"
    with Auditd(tmp_path / "auditd", rule) as auditd:
        (seen,) = proved(auditd)
    assert (seen.holds, "is a link" in seen.seen) == (False, True)


@pytest.mark.skipif(os.path.isdir("/sys/fs/selinux"), reason="this kernel knows SELinux types")
def test_a_rule_by_type_is_named_and_is_indeed_never_true(kernel: None, watched: Path, tmp_path: Path) -> None:
    rule = f"-a always,exit -F arch=b64 -F dir={watched}/etc -F perm=wa -F subj_type{{}}svirt_t -F key=virt_t\n"
    for operator in ("=", "!="):
        with Auditd(tmp_path / "auditd", rule.format(operator)) as auditd:
            (seen,) = proved(auditd)
            (watched / "etc/file").touch()
            auditd.settle()
            records = [line for line in auditd.text().split("\n") if line.startswith("type=SYSCALL")]
            assert not any('key="virt_t"' in line for line in records)
            auditctl("-D")
        assert (seen.holds, "is never true" in seen.seen) == (False, True)


def test_without_auditd_or_with_the_wrong_log_all_is_unknown(kernel: None, watched: Path, tmp_path: Path) -> None:
    with Auditd(tmp_path / "auditd", rules_for(watched)) as auditd:
        other = tmp_path / "other.log"
        other.touch()
        lab = ThisHost(str(other), patience=0.5)
        begun = time.monotonic()
        found = list(prove_rules(Host(Local()), lab))
        assert {each.holds for each in found} <= {None, False}
        assert "did not arrive" in found[0].seen
        assert time.monotonic() - begun < 5, "it gave up after the first"
        auditd.stop()
        found = proved(auditd)
    assert {each.seen for each in found} == {"no audit daemon takes the kernel's records (pid 0)"}
    assert {each.holds for each in found} == {None}


def test_the_log_may_turn_over_while_it_is_listened_to(kernel: None, watched: Path, tmp_path: Path) -> None:
    rule = f"-a always,exit -F arch=b64 -F dir={watched}/etc -F perm=wa -F key=virt_libvirt_cfg\n"
    with Auditd(tmp_path / "auditd", rule) as auditd:
        with AuditLog(str(auditd.log)) as ear:
            for _ in range(5):
                acts.done(Act(Way.MAKE, f"{watched}/etc", inside=True))
                auditd.rotate()
                heard = ear.heard()
                assert sum('key="virt_libvirt_cfg"' in line for line in heard) >= 1
        turning = threading.Event()
        turner = threading.Thread(target=_keep_turning, args=(auditd, turning))
        turner.start()
        try:
            found = [proved(auditd) for _ in range(5)]
        finally:
            turning.set()
            turner.join()
    assert {each.holds for round_ in found for each in round_} == {True}


def _keep_turning(auditd: Auditd, end: threading.Event) -> None:
    while not end.wait(0.05):
        auditd.rotate()


def test_an_ear_without_a_log_is_deaf(tmp_path: Path) -> None:
    with pytest.raises(Deaf, match="cannot be read"):
        AuditLog(str(tmp_path / "none.log"))


def test_what_a_killed_run_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    ours, theirs = tmp_path / f"{PREFIX}{'a' * 16}", tmp_path / f"{PREFIX}notes"
    ours.touch(0o600)
    theirs.write_text("somebody's notes")
    place = tmp_path / "run" / f"{PREFIX}x1y2"
    place.mkdir(parents=True)
    assert sweeping.sweep(str(tmp_path / "run"), [str(tmp_path)]) == (str(ours), str(place))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", theirs.name]


@pytest.fixture(scope="module")
def machine(real_hosts: None) -> Iterator[Machine]:
    """A host whose libvirt starts the throw-away guest."""
    with Machine(Config(name="proofhost", services=("virtlogd", "libvirtd"))) as made:
        yield made


def address(machine: Machine) -> str:
    """Its libvirt's address from outside."""
    return f"qemu:///system?socket={machine.path('/run/libvirt/libvirt-sock')}"


def of_guest(auditd: Auditd, machine: Machine) -> list[Observation]:
    """What the proof says of a throw-away guest."""
    return list(prove_guest(Host(Local()), ThisHost(str(auditd.log), address(machine))))


def test_a_guest_s_life_is_recorded_in_order_and_nothing_of_it_stays(
    kernel: None, machine: Machine, tmp_path: Path
) -> None:
    with Auditd(tmp_path / "auditd") as auditd:
        found = of_guest(auditd, machine)
    assert [(each.claim, each.seen) for each in found if not each.holds] == []
    assert len(found) == 10
    assert machine.ask("virsh", "-q", "list", "--all", "--name").strip() == ""
    assert "vnet" not in machine.ask("ip", "-o", "link")


def test_a_libvirt_that_does_not_audit_is_found_out(kernel: None, machine: Machine, tmp_path: Path) -> None:
    conf = machine.read("/etc/libvirt/libvirtd.conf")
    machine.write("/etc/libvirt/libvirtd.conf", f"audit_level = 0\n{conf}")
    machine.restart_service("libvirtd")
    try:
        with Auditd(tmp_path / "auditd") as auditd:
            found = of_guest(auditd, machine)
    finally:
        machine.write("/etc/libvirt/libvirtd.conf", conf)
        machine.restart_service("libvirtd")
    assert {each.holds for each in found[:-1]} == {False}
    assert found[-1].holds is None


def test_a_guest_that_a_killed_run_left_is_swept_and_others_are_not(real_hosts: None, machine: Machine) -> None:
    for name in (f"{PREFIX}{'b' * 16}", f"{PREFIX}mine"):
        machine.ask("virsh", "-q", "create", "--paused", "/dev/stdin", given=_SMALL.format(name=name))
    assert guests.sweep(address(machine)) == (f"{PREFIX}{'b' * 16}",)
    assert machine.ask("virsh", "-q", "list", "--all", "--name").split() == [f"{PREFIX}mine"]
    machine.ask("virsh", "-q", "destroy", f"{PREFIX}mine")


def test_the_command_tells_all_of_it_and_its_exit_code_how_it_came_out(
    kernel: None, watched: Path, machine: Machine, tmp_path: Path
) -> None:
    rule = f"-a always,exit -F arch=b64 -F dir={watched}/etc -F perm=wa -F key=virt_libvirt_cfg\n"
    argv = (sys.executable, "-m", "virtwarden", "prove", "audit", "--connect", address(machine))
    with Auditd(tmp_path / "auditd", rule) as auditd:
        command = (*argv, "--log", str(auditd.log))
        good = subprocess.run((*command, "--json"), capture_output=True, text=True, check=False)
        told = subprocess.run((*command, "--no-guest"), capture_output=True, text=True, check=False)
        none = subprocess.run(
            (*command, "--key", "other", "--no-guest"), capture_output=True, text=True, check=False
        )
        auditd.stop()
        deaf = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (good.returncode, told.returncode, none.returncode, deaf.returncode) == (0, 0, 1, 2)
    observations = json.loads(good.stdout)["observations"]
    assert [each["holds"] for each in observations] == [True] * 11
    said = " ".join(told.stdout.split())
    assert said.startswith(f"✓ holds: making a file in {watched}/etc is recorded as virt_libvirt_cfg record ")
    assert said.endswith(" 1 holds")
    assert "unknown: " in deaf.stdout


def test_a_run_that_was_killed_leaves_nothing_that_the_next_one_does_not_sweep(
    kernel: None, watched: Path, machine: Machine, tmp_path: Path
) -> None:
    rule = f"-a always,exit -F arch=b64 -F dir={watched}/etc -F perm=wa -F key=virt_libvirt_cfg\n"
    with Auditd(tmp_path / "auditd", rule) as auditd:
        argv = (sys.executable, "-m", "virtwarden", "prove", "audit", "--log", str(auditd.log))
        command = (*argv, "--connect", address(machine))
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(
            lambda: PREFIX in _guests(machine), lambda: "no guest was started", lambda: killed.poll() is None
        )
        killed.kill()
        killed.wait()
        left = Path(acts.PLACES) / f"{PREFIX}left"
        left.mkdir()
        time.sleep(1)
        assert subprocess.run(command, stdout=subprocess.DEVNULL, check=False).returncode == 0
    assert _guests(machine).strip() == ""
    assert not left.exists()


def _guests(machine: Machine) -> str:
    return machine.ask("virsh", "-q", "list", "--all", "--name")
