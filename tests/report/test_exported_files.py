"""Exported changes of files, run on awkward ones: links, drift, bytes that are no text, and secrets that a run could
show."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from tests.kit import NOW
from tests.report.test_exports import BESIDE, forget_kept, text
from virtwarden.edits import AddLine, Edit, RemoveLine, Replace, SetConf
from virtwarden.model import Activation, Document, Plan, Rewrite, Safety
from virtwarden.plan import text_after
from virtwarden.report import ansible, shellscript

SECRET = "hunter2-planted"
CONF = f'# a\nvnc_password = "{SECRET}"\nvnc_tls = 0\nspice_password = "{SECRET}"\n# z\n'
Run = Callable[[Plan], subprocess.CompletedProcess[str]]


def rewrite(path: Path, *edits: Edit, kind: str = "file", activations: tuple[Activation, ...] = ()) -> Rewrite:
    data = path.read_bytes() if path.exists() else b""
    return Rewrite(
        Document(kind, str(path)), edits, ("a-control",), Safety.SAFE, str(path), sha256(data).hexdigest(),
        activations=activations,
    )  # fmt: skip


def plan_of(*rewrites: Rewrite) -> Plan:
    return Plan("host", "/", NOW, "1", "baseline", rewrites=rewrites)


def by_shell(plan: Plan) -> subprocess.CompletedProcess[str]:
    made = shellscript.render(plan, text)
    done = subprocess.run(["sh"], input=made, capture_output=True, text=True, timeout=60, check=False)
    forget_kept(done.stdout)
    return done


def by_ansible(plan: Plan) -> subprocess.CompletedProcess[str]:
    made = ansible.render(plan, text).replace("become: true", "become: false")
    folder = Path(plan.rewrites[0].path).parent
    playbook = folder.with_name(f"{folder.name}.yml")
    playbook.write_text(made)
    argv = [str(BESIDE / "ansible-playbook"), "-i", "localhost,", "-c", "local", "--diff", "-v", str(playbook),
            "-e", f"ansible_python_interpreter={sys.executable}"]  # fmt: skip
    return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)


SHELL = pytest.param(
    by_shell,
    id="shell",
    marks=pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("perl"), reason="needs root and perl"),
)
ANSIBLE = pytest.param(
    by_ansible,
    id="ansible",
    marks=pytest.mark.skipif(
        os.geteuid() != 0 or not (BESIDE / "ansible-playbook").exists(), reason="needs root and ansible-core"
    ),
)
BOTH = pytest.mark.parametrize("run", [SHELL, ANSIBLE])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "etc" / "libvirt"
    made.mkdir(parents=True)
    return made


@BOTH
def test_a_file_is_changed_where_its_link_leads(folder: Path, run: Run) -> None:
    real = folder.parent / "real.conf"
    real.write_text(CONF)
    real.chmod(0o640)
    link = folder / "qemu.conf"
    link.symlink_to("../real.conf")
    wanted = rewrite(link, SetConf("vnc_tls", 1))
    after = text_after(wanted, CONF)
    done = run(plan_of(wanted))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (os.readlink(link), real.read_text(), real.stat().st_mode & 0o777) == ("../real.conf", after, 0o640)


@BOTH
def test_neither_script_nor_run_tells_a_secret(folder: Path, run: Run) -> None:
    conf = folder / "qemu.conf"
    conf.write_text(CONF)
    plan = plan_of(rewrite(conf, SetConf("vnc_tls", 1), RemoveLine("spice_password")))
    assert SECRET not in shellscript.render(plan, text) + ansible.render(plan, text)
    done = run(plan)
    assert conf.read_text() == CONF.replace("= 0", "= 1").replace(f'spice_password = "{SECRET}"\n', "")
    assert SECRET not in done.stdout + done.stderr


@BOTH
def test_a_foreign_file_in_the_place_of_a_new_one_stays(folder: Path, run: Run) -> None:
    new = folder / "99-virt-warden.conf"
    plan = plan_of(rewrite(new, AddLine("kernel.x = 1")))

    def as_planned(path: str) -> str | None:
        return None if path == str(new) else text(path)

    new.write_text("mine\n")
    made = shellscript.render(plan, as_planned), ansible.render(plan, as_planned)
    assert all("is there already" in each for each in made)
    for each, argv in zip(made, (["sh"], None), strict=True):
        if argv and run is by_shell:
            done = subprocess.run(argv, input=each, capture_output=True, text=True, check=False)
            assert (done.returncode, new.read_text()) == (1, "mine\n")


@BOTH
def test_bytes_that_are_no_text_stay_as_they_are(folder: Path, run: Run) -> None:
    conf = folder / "libvirtd.conf"
    bad = b" \xff" if run is by_shell else b""
    before = (
        b"# caf\xe9 \x1b[2J \xe2\x80\xae \\Z\nlisten_tcp = 1 #%s \xe2\x80\xae \\1\n# \xfe \xf0\x9f\x98\x80\n" % bad
    )
    conf.write_bytes(before)
    plan = plan_of(rewrite(conf, SetConf("listen_tcp", 0)))
    for made in (shellscript.render(plan, text), ansible.render(plan, text)):
        assert all(char.isprintable() or char in "\n\t" for char in made)
        made.encode()
    done = run(plan)
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = text_after(plan.rewrites[0], before.decode("utf-8", "surrogateescape"))
    assert conf.read_bytes() == (wanted or "").encode("utf-8", "surrogateescape")


@pytest.mark.parametrize("run", [SHELL])
def test_nothing_is_changed_where_a_later_document_is_not_as_planned(folder: Path, run: Run) -> None:
    first, last = folder / "qemu.conf", folder / "libvirtd.conf"
    first.write_text(CONF)
    last.write_text("listen_tcp = 1\n")
    plan = plan_of(rewrite(first, SetConf("vnc_tls", 1)), rewrite(last, SetConf("listen_tcp", 0)))
    made = shellscript.render(plan, text)
    last.write_text("listen_tcp = 1 # mine\n")
    done = subprocess.run(["sh"], input=made, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, first.read_text()) == (1, "", CONF)
    assert "was changed since" in done.stderr


@pytest.mark.parametrize("run", [SHELL])
def test_a_file_of_several_names_is_not_split(folder: Path, run: Run) -> None:
    conf = folder / "qemu.conf"
    conf.write_text(CONF)
    os.link(conf, folder / "other")
    done = run(plan_of(rewrite(conf, SetConf("vnc_tls", 1))))
    assert (done.returncode, conf.read_text()) == (1, CONF)


@pytest.mark.parametrize("run", [SHELL])
def test_a_step_is_taken_only_where_its_document_was_changed(folder: Path, run: Run) -> None:
    done_already, to_do = folder / "virtlogd.conf", folder / "qemu.conf"
    done_already.write_text("max_clients = 1\n")
    to_do.write_text(CONF)
    steps = [Activation("apparmor", str(folder / name)) for name in ("first", "second")]
    plan = plan_of(
        rewrite(done_already, SetConf("max_clients", 2), activations=(steps[0],)),
        rewrite(to_do, SetConf("vnc_tls", 1), activations=(steps[1],)),
    )
    made = shellscript.render(plan, text)
    done_already.write_text("max_clients = 2\n")
    traced = subprocess.run(
        ["sh"],
        input=made.replace("profiles() {", 'profiles() { say "loads $1"; return 0;'),
        capture_output=True,
        text=True,
        check=False,
    )
    forget_kept(traced.stdout)
    assert [line for line in traced.stdout.splitlines() if "loads" in line] == [f"loads {steps[1].what}"]


def test_a_text_cannot_leave_its_place_in_the_script(folder: Path) -> None:
    new = folder / "zz-virt-warden.conf"
    hostile = "a\nEND_OF_FILE\ntouch /tmp/harm\n"
    made = shellscript.render(plan_of(rewrite(new, Replace(hostile))), text)
    assert "touch" not in made
    assert "\nleft " in made


def test_a_playbook_leaves_a_line_whose_bytes_are_no_text(folder: Path) -> None:
    conf = folder / "libvirtd.conf"
    conf.write_bytes(b"listen_tcp = 1 # \xff\n")
    made = ansible.render(plan_of(rewrite(conf, SetConf("listen_tcp", 0))), text)
    assert "# Not in this playbook: " in made
    assert "builtin.replace" not in made


def test_names_of_the_host_are_no_templates_and_no_commands(folder: Path) -> None:
    conf = folder / "it's {{ 7*7 }} $(x) \u202e.conf"
    conf.write_text("listen_tcp = 1\n")
    plan = plan_of(rewrite(conf, SetConf("listen_tcp", 0)))
    assert "its name holds what cannot be shown" in shellscript.render(plan, text)
    played = ansible.render(plan, text)
    assert all("!unsafe" in line for line in played.splitlines() if "7*7" in line and not line.startswith("#"))


@pytest.mark.skipif(not (BESIDE / "ansible-playbook").exists(), reason="needs ansible-core")
@pytest.mark.skipif(os.geteuid() != 0, reason="a service manager answers root alone")
def test_what_does_not_run_is_not_started_by_a_playbook(folder: Path) -> None:
    conf = folder / "qemu.conf"
    conf.write_text(CONF)
    steps = (
        Activation("restart", "no-such-daemon"),
        Activation("reload", "no-such-daemon"),
        Activation("firewalld"),
        Activation("apparmor"),
        Activation("sysctl", "no.such.setting=1"),
    )
    done = by_ansible(plan_of(rewrite(conf, SetConf("vnc_tls", 1), activations=steps)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "RUNNING HANDLER [Handle restart no-such-daemon]" in done.stdout
    assert conf.read_text() == CONF.replace("= 0", "= 1")


@pytest.mark.parametrize("run", [SHELL])
def test_a_step_that_fails_keeps_no_other_from_being_done(folder: Path, run: Run) -> None:
    conf = folder / "qemu.conf"
    conf.write_text(CONF)
    steps = (Activation("restorecon", "first"), Activation("restorecon", "second"))
    made = shellscript.render(plan_of(rewrite(conf, SetConf("vnc_tls", 1), activations=steps)), text)
    made = made.replace("labels() {", 'labels() { say "tries $1"; return 1;')
    done = subprocess.run(["sh"], input=made, capture_output=True, text=True, check=False)
    forget_kept(done.stdout)
    assert "tries first\ntries second\n" in done.stdout
    assert (done.returncode, done.stderr) == (1, "failed: labels first\nfailed: labels second\n")
