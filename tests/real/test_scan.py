"""A real host with real guests is scanned over every road, and each road comes to the same findings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.real.machine import Machine
from virtwarden.controls import every_control
from virtwarden.host import Host
from virtwarden.scan import scan
from virtwarden.sources.redact import Redacted
from virtwarden.sources.ssh import Ssh

pytestmark = pytest.mark.libvirt

WARDEN = (sys.executable, "-m", "virtwarden")
RUNNING = {"web", "db", "mail", "build"}

Report = dict[str, dict[tuple[str, str, str], list[str]]]


def inside(host: Machine, *words: str) -> str:
    done = host.run(*WARDEN, *words)
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def over_ssh(host: Machine, *words: str) -> str:
    environment = os.environ | host.ssh_access.env
    done = subprocess.run(
        (*WARDEN, *words), env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode in (0, 1, 2), done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def findings(text: str) -> Report:
    """What was found, without evidence: by control, and by subject, state and result the messages in order."""
    found: Report = {}
    for outcome in json.loads(text)["outcomes"]:
        control = found.setdefault(outcome["control"], {})
        for finding in outcome["findings"]:
            subject = f"{finding['subject']['kind']} {finding['subject']['name']}"
            control.setdefault((subject, finding["state"] or "", finding["result"]), []).append(finding["message"])
    return found


@pytest.fixture(scope="module")
def local(kvm_host: Machine) -> str:
    return inside(kvm_host, "scan", "--format", "json")


def test_no_control_has_a_defect(local: str) -> None:
    errors = [o["findings"] for o in json.loads(local)["outcomes"] if o["result"] == "error"]
    assert errors == []


def test_the_running_guests_are_judged_in_force(local: str) -> None:
    confined = findings(local)["guest-processes-unprivileged"]
    judged = {
        subject.split()[1] for subject, state, result in confined if state == "in force" and result == "pass"
    }
    assert judged >= RUNNING


def test_open_consoles_are_found(local: str) -> None:
    results = {result for _, _, result in findings(local)["vnc-requires-tls"]}
    assert "fail" in results


def test_the_seccomp_sandbox_is_what_qemu_conf_says(kvm_host: Machine, local: str) -> None:
    assert {result for _, _, result in findings(local)["qemu-seccomp-on"]} == {"pass"}
    conf = kvm_host.read("/etc/libvirt/qemu.conf")
    kvm_host.write("/etc/libvirt/qemu.conf", conf + "\nseccomp_sandbox = 0\n")
    try:
        text = inside(kvm_host, "scan", "--format", "json", "--control", "qemu-seccomp-on")
    finally:
        kvm_host.write("/etc/libvirt/qemu.conf", conf)
    assert {result for _, _, result in findings(text)["qemu-seccomp-on"]} == {"fail"}


def test_ssh_finds_what_the_host_itself_finds(kvm_host: Machine, local: str) -> None:
    remote = over_ssh(kvm_host, "scan", "--host", "ssh://root@kvmhost", "--format", "json")
    assert findings(remote) == findings(local)


@pytest.mark.parametrize("road", [inside, over_ssh], ids=["local", "ssh"])
def test_a_capture_gives_the_report_of_its_road(
    kvm_host: Machine, road: Callable[..., str], local: str, tmp_path: Path
) -> None:
    recording = str(tmp_path / "host.jsonl.gz")
    chosen = () if road is inside else ("--host", "ssh://root@kvmhost")
    road(kvm_host, "capture", recording, *chosen)
    replayed = subprocess.run(
        (*WARDEN, "scan", "--snapshot", recording, "--format", "json"), capture_output=True, text=True, check=False
    )
    assert replayed.returncode == 1, replayed.stderr
    assert findings(replayed.stdout) == findings(local)


def test_an_ordinary_user_gets_as_far_as_permissions_reach(kvm_host: Machine) -> None:
    nobody = ("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    done = kvm_host.run(*nobody, *WARDEN, "scan", "--format", "json")
    assert done.returncode in (1, 2), done.stderr
    found = findings(done.stdout)
    assert {result for _, _, result in found["images-private"]} <= {"unknown", "notapplicable"}
    assert not any(result == "error" for control in found.values() for _, _, result in control)


def test_an_ssh_scan_costs_at_most_six_round_trips(kvm_host: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in kvm_host.ssh_access.env.items():
        monkeypatch.setenv(name, value)
    with closing(Ssh("ssh://root@kvmhost")) as ssh:
        scan(Host(Redacted(ssh)), every_control())
        assert ssh.trips <= 6
