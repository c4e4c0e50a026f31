"""Exported changes of guests, made by a libvirt without a daemon: made once, known again, and no secret is told."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import mkdtemp

import pytest

from tests.kit import NOW
from tests.report.test_exports import BESIDE, forget_kept, text
from virtwarden.edits import Edit, InsertElement, RemoveElement, SetAttribute
from virtwarden.model import Document, Plan, Rewrite, Safety
from virtwarden.report import ansible, shellscript

SECRET = "hunter2x"
VIRSH = shutil.which("virsh")
GUEST = f"""\
<domain type='qemu'>
  <name>web {{{{ 7*7 }}}}</name>
  <title>it's "the" \\1 web &amp; $shop</title>
  <memory unit='KiB'>65536</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <interface type='ethernet'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>
    <input type='tablet' bus='usb'/>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0' passwd='{SECRET}'/>
  </devices>
</domain>
"""
EDITS: tuple[Edit, ...] = (
    InsertElement("devices/interface[1]", "<filterref filter='clean-traffic'/>"),
    InsertElement("devices", "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"),
    SetAttribute("devices/graphics[@type='vnc']", "passwdValidTo", "2030-01-01T00:00:00"),
    RemoveElement("devices/input[1]"),
)

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or VIRSH is None or not Path("/usr/bin/qemu-system-x86_64").exists(),
    reason="needs root, virsh and QEMU",
)


class Libvirt:
    """The embedded driver in a directory, behind a `virsh` that is found before the real one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.uri = f"qemu:///embed?root={folder / 'root'}"
        programs = folder / "bin"
        programs.mkdir()
        stand_in = programs / "virsh"
        stand_in.write_text(f"""#!/bin/sh
for word; do
    shift
    [ "$word" != qemu:///system ] || word='{self.uri}'
    set -- "$@" "$word"
done
exec {VIRSH} "$@"
""")
        stand_in.chmod(0o755)
        self.environ: Mapping[str, str] = {
            **os.environ, "PATH": f"{programs}:{BESIDE}:{os.environ['PATH']}",
            "VIRT_WARDEN_MARKS": str(folder / "marks"),
        }  # fmt: skip
        defined = self.run("virsh", "-c", "qemu:///system", "define", "/dev/stdin", given=GUEST)
        assert defined.returncode == 0, defined.stderr
        [self.path] = (folder / "root/etc/qemu").glob("*.xml")

    def run(self, *argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(argv, input=given, capture_output=True, text=True, timeout=300, check=False,
                              env=self.environ)  # fmt: skip

    def plan(self) -> Plan:
        """A plan of all edits of the guest."""
        before = self.path.read_bytes()
        document = Document("domain", "web {{ 7*7 }}")
        rewrite = Rewrite(document, EDITS, ("a-control",), Safety.SAFE, str(self.path), sha256(before).hexdigest())
        return Plan("host", "/", NOW, "1", "baseline", rewrites=(rewrite,))

    def script(self, plan: Plan) -> Callable[[], subprocess.CompletedProcess[str]]:
        made = shellscript.render(plan, text)
        assert SECRET not in made
        return lambda: self.run("sh", given=made)

    def playbook(self, plan: Plan, *more: str) -> Callable[[], subprocess.CompletedProcess[str]]:
        made = ansible.render(plan, text)
        assert SECRET not in made
        file = self.folder / "harden.yml"
        file.write_text(made.replace("become: true", "become: false"))
        argv = ("ansible-playbook", "-i", "localhost,", "-c", "local", "--diff", "-vvv", str(file), *more,
                "-e", f"ansible_python_interpreter={sys.executable}",
                "-e", f"virt_warden_marks={self.environ['VIRT_WARDEN_MARKS']}")  # fmt: skip
        return lambda: self.run(*argv)


@pytest.fixture
def libvirt() -> Iterator[Libvirt]:
    folder = Path(mkdtemp(prefix="vw", dir="/tmp"))  # the paths of its sockets have to be short
    try:
        yield Libvirt(folder)
    finally:
        shutil.rmtree(folder)


def is_changed(xml: str) -> bool:
    return (
        xml.count("<filterref filter='clean-traffic'/>") == 1
        and xml.count("<rng ") == 1
        and xml.count("<input type='tablet'") == 1
        and f"passwd='{SECRET}' passwdValidTo='2030-01-01T00:00:00'" in xml
    )


def test_a_script_changes_a_guest_once(libvirt: Libvirt) -> None:
    run = libvirt.script(libvirt.plan())
    first = run()
    assert first.returncode == 0, first.stderr
    assert is_changed(after := libvirt.path.read_text())
    assert SECRET not in first.stdout + first.stderr
    forget_kept(first.stdout)
    second = run()
    assert (second.returncode, second.stdout) == (0, "")
    assert libvirt.path.read_text() == after


@pytest.mark.skipif(not (BESIDE / "ansible-playbook").exists(), reason="ansible-core is not installed")
def test_a_playbook_changes_a_guest_once(libvirt: Libvirt) -> None:
    plan, before = libvirt.plan(), libvirt.path.read_text()
    tried = libvirt.playbook(plan, "--check")()
    assert tried.returncode == 0, tried.stdout[-3000:]
    assert libvirt.path.read_text() == before
    run = libvirt.playbook(plan)
    first = run()
    assert first.returncode == 0, first.stdout[-3000:]
    assert SECRET not in first.stdout + first.stderr
    assert is_changed(after := libvirt.path.read_text())
    second = run()
    assert "changed=0" in second.stdout
    assert libvirt.path.read_text() == after


def test_a_guest_that_was_changed_since_is_left_alone(libvirt: Libvirt) -> None:
    runs = [libvirt.script(libvirt.plan())]
    if (BESIDE / "ansible-playbook").exists():
        runs.append(libvirt.playbook(libvirt.plan()))
    libvirt.path.write_text(before := libvirt.path.read_text().replace("65536", "65537"))
    for run in runs:
        done = run()
        assert done.returncode != 0
        assert "was changed since this" in done.stdout + done.stderr
        assert libvirt.path.read_text() == before
