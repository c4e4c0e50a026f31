"""A real systemd as the first process of namespaces of its own, with nothing to start but what a test gives it.

Its root is a plain directory, in which the programs of this machine are mounted for it alone, so that tests see
the same /etc and /run from outside as it does inside.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.real.plain import PLAIN

SYSTEMD = "/lib/systemd/systemd"
_CGROUPS = Path("/sys/fs/cgroup")
_PREFIX = "virt-warden-test-"
_PROGRAMS = ("systemctl", "systemd-run", "journalctl", "nft", "ip")
_START = f"""\
set -e
mount --make-rprivate /
cd "$1"
for name in usr bin sbin lib lib64; do
    [ ! -d "/$name" ] || [ -L "/$name" ] || {{ mkdir -p $name; mount --rbind /$name $name; }}
    [ ! -L "/$name" ] || ln -s "$(readlink /$name)" $name
done
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount --bind run run
mount -t tmpfs tmpfs dev
for name in null zero full random urandom; do : >dev/$name; mount --bind /dev/$name dev/$name; done
ln -s /proc/self/fd dev/fd
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 sys/fs/cgroup
else
    mount -t tmpfs tmpfs sys/fs/cgroup
    mkdir sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
fi
exec chroot . {SYSTEMD} --system --unit=tested.target --log-target=journal --show-status=0
"""
_TARGET = """\
[Unit]
DefaultDependencies=no
Wants=systemd-journald.service
"""


@dataclass(frozen=True, slots=True)
class Booted:
    """A running systemd: its root as seen from outside, its process, and programs to be found that act inside."""

    root: Path
    pid: int
    programs: Path

    def unit(self, name: str, text: str) -> Path:
        """Write a unit file of the administrator's."""
        path = self.root / "etc/systemd/system" / name
        path.write_text(text)
        self.run("systemctl", "daemon-reload")
        return path

    def run(self, *argv: str) -> str:
        """What a program inside prints, whatever its exit code."""
        return self.done(*argv).stdout

    def done(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """A program that was run inside."""
        inside = ("nsenter", "-t", str(self.pid), "-a", "-r", "--wd=/", *argv)
        return subprocess.run(inside, capture_output=True, text=True, env=PLAIN, timeout=60, check=False)


def why_not() -> str:
    """Why no systemd can be started here; empty if nothing is known against it."""
    if os.geteuid() != 0:
        return "a systemd of its own needs root"
    missing = [name for name in ("unshare", "nsenter", "systemctl") if not shutil.which(name, path=PLAIN["PATH"])]
    if missing or not os.path.exists(SYSTEMD):
        return "systemd is not installed"
    return (
        "" if _hierarchy().is_dir() and os.access(_hierarchy(), os.W_OK) else "no cgroup can be made for systemd"
    )


@contextmanager
def booted(directory: Path) -> Iterator[Booted]:
    """Start a systemd with its root in this directory; it ends, with all that it started, at the end. Raises
    `RuntimeError` where it does not come up."""
    root = _furnished(directory / "root")
    for stale in _hierarchy().glob(f"{_PREFIX}*"):
        if not os.path.exists(f"/proc/{stale.name.removeprefix(_PREFIX)}"):
            _without(stale)
    group = _hierarchy() / f"{_PREFIX}{os.getpid()}"
    group.mkdir()
    joined = ("sh", "-c", 'echo $$ >"$0/cgroup.procs"; exec "$@"', str(group))
    flags = ("--pid", "--fork", "--kill-child=KILL", "--mount", "--uts", "--ipc", "--net", "--cgroup")
    argv = (*joined, "setpriv", "--pdeathsig", "KILL", "unshare", *flags, "sh", "-c", _START, "sh", str(root))
    log = directory / "log"
    with log.open("wb") as file:
        outer = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=_ENVIRONMENT)
    try:
        yield _up(outer, root, directory / "programs", log)
    finally:
        outer.kill()
        outer.wait()
        _without(group)


_ENVIRONMENT = {**PLAIN, "container": "other"}


def _furnished(root: Path) -> Path:
    for name in ("etc/systemd/system", "run", "tmp", "var/log", "proc", "sys", "dev", "root"):
        (root / name).mkdir(parents=True)
    for name in ("passwd", "group", "nsswitch.conf", "ld.so.cache"):
        if os.path.exists(f"/etc/{name}"):
            shutil.copy(f"/etc/{name}", root / "etc" / name)
    (root / "etc/machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    (root / "etc/systemd/journald.conf").write_text("[Journal]\nAudit=no\nStorage=volatile\n")
    (root / "etc/systemd/system/tested.target").write_text(_TARGET)
    (root / "etc/systemd/system/systemd-journald-audit.socket").symlink_to("/dev/null")
    return root


def _up(outer: subprocess.Popen[bytes], root: Path, programs: Path, log: Path) -> Booted:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and outer.poll() is None:
        for pid in _children(outer.pid):
            made = Booted(root, pid, programs)
            if made.run("systemctl", "is-system-running").strip() in ("running", "degraded"):
                _write_programs(made)
                return made
        time.sleep(0.1)
    raise RuntimeError(f"systemd does not come up: {log.read_text(errors='replace')[-500:]}")


def _children(pid: int) -> list[int]:
    try:
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def _write_programs(made: Booted) -> None:
    made.programs.mkdir()
    for name in _PROGRAMS:
        program = made.programs / name
        program.write_text(f'#!/bin/sh\nexec nsenter -t {made.pid} -a -r --wd=/ {name} "$@"\n')
        program.chmod(0o755)


def _hierarchy() -> Path:
    return _CGROUPS if (_CGROUPS / "cgroup.controllers").exists() else _CGROUPS / "systemd"


def _without(group: Path) -> None:
    """Take the cgroup away; the kernel needs a moment after the last of its processes."""
    for _ in range(50):
        for directory, _, _ in os.walk(group, topdown=False):
            try:
                os.rmdir(directory)
            except OSError:
                continue
        if not group.exists():
            return
        time.sleep(0.1)
