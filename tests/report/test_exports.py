"""Exported plans, run by the programs that they are for, reach what the edits make, and tell no secret."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.apply.worlds import World, laid_out, tree
from virtwarden.controls import every_control
from virtwarden.host import Host
from virtwarden.model import Activation, Document, Plan
from virtwarden.plan import make, text_after
from virtwarden.report import ansible, shellscript
from virtwarden.scan import scan
from virtwarden.sources.redact import Redacted

SECRET = "hunter2-planted"
BESIDE = Path(sys.executable).parent


def planted(folder: Path) -> World:
    """The demo's host with passwords where it had them."""
    world = laid_out(folder)
    for path in (world.root / "etc/libvirt").rglob("*"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes().replace(b"[redacted]", SECRET.encode()))
    return world


def plan_of(world: World) -> Plan:
    """The plan as for a running host."""
    host = Host(Redacted(world.source), world.policy)
    return make(host, world.source, scan(host, every_control()))


def below(world: World, plan: Plan) -> Plan:
    """The same of the files below the world's directory, with nothing that would touch this machine."""
    root = str(world.root)
    rewrites = [
        replace(r, path=root + r.path, document=Document(r.document.kind, root + r.path), activations=())
        for r in plan.rewrites
        if r.document.kind in ("file", "boot")
    ]
    return replace(plan, rewrites=tuple(rewrites))


def text(path: str) -> str | None:
    try:
        return Path(path).read_bytes().decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        return None


@pytest.fixture
def world(tmp_path: Path) -> World:
    os.umask(0o022)
    return planted(tmp_path)


def wanted_of(plan: Plan) -> dict[str, str | None]:
    return {each.path: text_after(each, text(each.path)) for each in plan.rewrites if each.diff.startswith("---")}


def forget_kept(said: str) -> None:
    """Remove what a script kept, in the directory that it named."""
    for line in said.splitlines():
        if line.startswith("what is replaced is kept in "):
            shutil.rmtree(line.rpartition(" ")[2])


def reaches(world: World, plan: Plan, run: Callable[[], str]) -> str:
    """Run it twice: the first reaches what the edits make, the second changes nothing; what the second says."""
    wanted = wanted_of(plan)
    assert len(wanted) > 10
    assert run()
    assert {path: text(path) for path in wanted} == wanted
    after = tree(world.root)
    second = run()
    assert tree(world.root) == after
    return second


@pytest.mark.parametrize("render", [shellscript.render, ansible.render], ids=["shell", "ansible"])
def test_no_secret_is_told(world: World, render: Callable[..., str]) -> None:
    plan = plan_of(world)
    assert any(SECRET in (text(str(world.root) + each.path) or "") for each in plan.rewrites)
    made = render(plan, lambda path: text(str(world.root) + path))
    assert SECRET not in made
    assert "\nleft " not in made
    assert "Not in this playbook" not in made


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("perl") is None, reason="the script is for root, and needs perl"
)
def test_the_script_reaches_what_the_edits_make(world: World, tmp_path: Path) -> None:
    plan = below(world, plan_of(world))
    script = tmp_path / "harden.sh"
    script.write_text(shellscript.render(plan, text), "utf-8", "surrogateescape")

    def run() -> str:
        done = subprocess.run(["sh", str(script)], capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        forget_kept(done.stdout)
        return done.stdout

    reaches(world, plan, run)


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("perl") is None, reason="the script is for root, and needs perl"
)
def test_the_script_stops_at_what_was_changed_since(world: World, tmp_path: Path) -> None:
    plan = below(world, plan_of(world))
    script = shellscript.render(plan, text)
    conf = world.root / "etc/libvirt/qemu.conf"
    conf.write_text(conf.read_text() + "# mine\n")
    before = conf.read_text()
    done = subprocess.run(["sh"], input=script, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert "qemu.conf was changed since" in done.stderr
    assert conf.read_text() == before
    assert done.stdout == ""


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_accepts_the_script(world: World) -> None:
    made = shellscript.render(plan_of(world), lambda path: text(str(world.root) + path))
    done = subprocess.run(["shellcheck", "-s", "sh", "-"], input=made, capture_output=True, text=True, check=False)
    assert done.stdout == ""


def with_all_activations(plan: Plan) -> Plan:
    verbs = ("restart", "reload", "daemon-reload", "sysctl", "audit-rules", "grub", "udev", "firewalld", "exports",
             "apparmor", "restorecon")  # fmt: skip
    every = tuple(Activation(verb, "a=b" if verb == "sysctl" else "x") for verb in verbs)
    return replace(plan, rewrites=(*plan.rewrites[:-1], replace(plan.rewrites[-1], activations=every)))


@pytest.mark.skipif(not (BESIDE / "ansible-lint").exists(), reason="ansible-lint is not installed")
def test_ansible_lint_accepts_the_playbook(world: World, tmp_path: Path) -> None:
    plan = with_all_activations(plan_of(world))
    playbook = tmp_path / "harden.yml"
    playbook.write_text(ansible.render(plan, lambda path: text(str(world.root) + path)))
    argv = [str(BESIDE / "ansible-lint"), "--offline", "--profile", "production", "-q", str(playbook)]
    path = f"{BESIDE}:{os.environ['PATH']}"
    done = subprocess.run(
        argv, capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "PATH": path}, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(not (BESIDE / "ansible-playbook").exists(), reason="ansible-core is not installed")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others, as some fixes do")
def test_the_playbook_reaches_what_the_edits_make(world: World, tmp_path: Path) -> None:
    plan = below(world, plan_of(world))
    playbook = tmp_path / "harden.yml"
    playbook.write_text(
        ansible.render(plan, text)
        .replace('"become": true', '"become": false')
        .replace("become: true", "become: false")
    )
    argv = [str(BESIDE / "ansible-playbook"), "-i", "localhost,", "-c", "local", str(playbook),
            "-e", f"ansible_python_interpreter={sys.executable}"]  # fmt: skip

    def run() -> str:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
        return done.stdout

    assert "changed=0" in reaches(world, plan, run)
