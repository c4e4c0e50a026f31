"""Plan, apply, roll back and look back from the command line, on a mounted image."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.apply.worlds import tree
from virtwarden.cli import main
from virtwarden.journal import Journal, now
from virtwarden.journal.records import Begun

CONF = '# settings\nvnc_password = "hunter2-planted"\nseccomp_sandbox = 0\n'
DOMAIN = """\
<domain type='kvm'>
  <name>web</name>
  <uuid>11111111-2222-3333-4444-555555555555</uuid>
  <memory unit='KiB'>1048576</memory>
  <vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' cache='unsafe'/>
      <source file='/var/lib/libvirt/images/web.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <graphics type='vnc' port='-1' passwd='hunter3-planted'/>
  </devices>
</domain>
"""
ON = ("--control", "qemu-seccomp-on", "disk-caches-safe", "console-passwords-not-global")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A small host's root file system, and a state folder beside it that is this test's own."""
    os.umask(0o022)
    root = tmp_path / "image"
    for path, text in {
        "etc/libvirt/qemu.conf": CONF,
        "etc/libvirt/qemu/web.xml": DOMAIN,
        "etc/libvirt/libvirtd.conf": "",
        "etc/hostname": "image1\n",
        "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
        "usr/sbin/libvirtd": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "etc/libvirt/qemu.conf").chmod(0o600)
    return root


def run(image: Path, *words: str, stated: bool = True) -> int:
    state = ("--state", str(image.parent / "state")) if stated else ()
    return main([*words, *state])


def test_the_circle_on_an_image(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start, plan = tree(image), image.parent / "plan.json"
    assert run(image, "plan", "--root", str(image), *ON, "--out", str(plan), stated=False) == 1
    told = capsys.readouterr().out
    assert "+seccomp_sandbox = 1" in told
    assert "cache='none'" in told
    assert "hunter" not in told + plan.read_text()
    assert plan.stat().st_mode & 0o777 == 0o600
    assert tree(image) == start
    assert run(image, "apply", str(plan), "--root", str(image), "--yes", "--allow-disruptive") == 0
    told = capsys.readouterr().out
    assert "[1/2] /etc/libvirt/qemu.conf: written" in told
    assert "virt-warden rollback 2" in told
    assert (image / "etc/libvirt/qemu.conf").read_text() == "# settings\nseccomp_sandbox = 1\n"
    assert "passwd='hunter3-planted'" in (image / "etc/libvirt/qemu/web.xml").read_text()
    assert run(image, "plan", "--root", str(image), *ON, stated=False) == 0
    assert "Nothing is left to do" in capsys.readouterr().out
    assert run(image, "history") == 0
    told = capsys.readouterr().out
    assert "applied" in told
    assert run(image, "history", told.split()[0]) == 0
    assert "set seccomp_sandbox = 1" in capsys.readouterr().out
    assert run(image, "rollback") == 0
    assert tree(image) == start
    assert run(image, "rollback") == 3
    assert "nothing to take back" in capsys.readouterr().err
    for path in (image.parent / "state").rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"hunter" not in path.read_bytes()


def test_a_plan_is_refused_where_the_host_has_drifted(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = image.parent / "plan.json"
    run(image, "plan", "--root", str(image), *ON, "--out", str(plan), stated=False)
    with (image / "etc/libvirt/qemu.conf").open("a") as conf:
        conf.write("# mine\n")
    before = tree(image)
    assert run(image, "apply", str(plan), "--root", str(image), "--yes", "--allow-disruptive") == 3
    assert "changed since the plan was made: /etc/libvirt/qemu.conf" in capsys.readouterr().err
    assert tree(image) == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda plan: plan | {"host": "other"}, "was made for the host other; this is image1"),
        (lambda plan: plan | {"root": "/"}, "was made for the host below /"),
        (lambda plan: plan | {"format": 2}, "format 2"),
        (lambda _: {"host": 1}, "is not a plan"),
        (lambda _: [], "is not a plan"),
    ],
)
def test_a_plan_for_something_else_is_refused(
    image: Path, capsys: pytest.CaptureFixture[str], change: object, said: str
) -> None:
    plan = image.parent / "plan.json"
    run(image, "plan", "--root", str(image), *ON, "--out", str(plan), stated=False)
    plan.write_text(json.dumps(change(json.loads(plan.read_text()))))  # type: ignore[operator]
    before = tree(image)
    capsys.readouterr()
    assert run(image, "apply", str(plan), "--root", str(image), "--yes", "--allow-disruptive") == 3
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == 1
    assert tree(image) == before


def test_disruptive_changes_have_to_be_allowed(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = image.parent / "plan.json"
    run(image, "plan", "--root", str(image), *ON, "--out", str(plan), stated=False)
    assert run(image, "apply", str(plan), "--root", str(image), "--yes") == 3
    assert "--allow-disruptive" in capsys.readouterr().err
    assert run(image, "apply", "--root", str(image), *ON, "--yes") == 0
    assert "cache='unsafe'" in (image / "etc/libvirt/qemu/web.xml").read_text()
    assert "seccomp_sandbox = 1" in (image / "etc/libvirt/qemu.conf").read_text()


def test_without_a_terminal_it_does_not_ask(image: Path) -> None:
    before = tree(image)
    argv = [
        sys.executable,
        "-m",
        "virtwarden",
        "apply",
        "--root",
        str(image),
        *ON,
        "--state",
        str(image.parent / "s"),
    ]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "say --yes" in done.stderr
    assert tree(image) == before


def test_a_second_apply_is_refused_while_the_first_holds_the_lock(
    image: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = image.parent / "state"
    state.mkdir()
    with (state / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        assert run(image, "apply", "--root", str(image), *ON, "--yes") == 3
    assert f"process {os.getpid()} is changing this host" in capsys.readouterr().err
    (state / "lock").write_text("4194304\n")  # of a process that is gone
    assert run(image, "apply", "--root", str(image), *ON, "--yes") == 0


def test_an_open_transaction_blocks_all_but_what_ends_it(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start, state = tree(image), image.parent / "state"
    script = (
        "import os, signal; from virtwarden.stores import files\n"
        "def die(*_): os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.replace = die\n"
        "from virtwarden.cli import main; import sys; main(sys.argv[1:])"
    )
    argv = [sys.executable, "-c", script, "apply", "--root", str(image), *ON, "--yes", "--state", str(state)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == -9
    for words in (("apply", "--root", str(image), "--yes"), ("confirm",)):
        assert run(image, *words) == 3
        assert "was interrupted" in capsys.readouterr().err
    assert run(image, "history") == 0
    assert "interrupted" in capsys.readouterr().out
    assert run(image, "rollback") == 0
    assert tree(image) == start
    assert run(image, "apply", "--root", str(image), *ON, "--yes") == 0


@pytest.mark.parametrize("verb", ["scan", "plan", "apply", "controls", "demo", "capture", "explain", "diff"])
def test_every_command_notices_what_was_interrupted(
    image: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    folder = image.parent / "system"
    for module in ("cli", "cli.state", "statefolder"):
        monkeypatch.setattr(f"virtwarden.{module}.SYSTEM", str(folder))
    begun = Begun("20260101-000000", now(), "0", "kvm1", str(image), "root", os.getpid())
    Journal(folder).begin(begun)
    assert main([verb]) == 3
    assert "20260101-000000 was interrupted" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert main(["history"]) == 0


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("mount") is None, reason="only root can mount a small disk")
def test_a_full_disk_costs_nothing(image: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = image.parent / "small"
    small.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(small)], check=True)
    try:
        shutil.copytree(image, small / "image", symlinks=True)
        root = small / "image"
        (root / "etc/libvirt/qemu.conf").write_text(CONF + "# long\n" * 4000)
        start = tree(root)
        filler = os.open(small / "filler", os.O_WRONLY | os.O_CREAT)
        with suppress(OSError):
            while True:
                os.write(filler, bytes(4096))
        os.close(filler)
        words = ("apply", "--root", str(root), *ON, "--yes", "--allow-disruptive")
        assert run(image, *words) == 3
        assert "has no room" in capsys.readouterr().err
        assert tree(root) == start
        state = ("--state", str(small / "state"))
        assert main([*words, *state]) == 3
        assert tree(root) == start
    finally:
        subprocess.run(["umount", str(small)], check=True)
