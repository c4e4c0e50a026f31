"""A real auditd with a private configuration, and this kernel's only stream of audit records to itself.

    with kernel_audit(), Auditd(folder, rules="-w /etc/libvirt -p wa -k virt_libvirt_cfg\\n") as auditd:
        ...
        auditd.settle()
        auditd.logs()

The kernel has one audit system for all namespaces, so only one test at a time may use it, in whatever process:
`kernel_audit` holds a lock meanwhile. It never locks the rules (`-e 2`), which only a boot undoes.
"""

import ctypes
import fcntl
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from tests.real.plain import PLAIN

LOCK = Path(tempfile.gettempdir()) / "audit-kernel.lock"
LogFormat = Literal["RAW", "ENRICHED"]

_SYSTEM_BOOT = 1127
_PROGRAMS = ("auditd", "auditctl", "ausearch", "auvirt")
_CONF = """\
local_events = yes
write_logs = yes
log_file = {folder}/audit.log
log_group = root
log_format = {format}
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = {megabytes}
num_logs = 9
max_log_file_action = ROTATE
priority_boost = 4
name_format = {names}
space_left = 2
space_left_action = IGNORE
admin_space_left = 1
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
plugin_dir = {folder}/plugins.d
"""


def why_not() -> str | None:
    """The reason why the kernel's audit system cannot be used here; None if nothing is known against it."""
    if os.geteuid() != 0:
        return "the kernel's audit system needs root"
    if missing := [name for name in _PROGRAMS if not shutil.which(name, path=PLAIN["PATH"])]:
        return f"a real auditd needs what tools/install-test-packages installs; missing: {', '.join(missing)}"
    try:
        now = status()
    except subprocess.CalledProcessError as refused:
        return f"the kernel's audit system does not answer: {str(refused.stderr).strip()}"
    return "the audit rules of this host are locked" if now["enabled"] == 2 else None


def status() -> dict[str, int]:
    """What the kernel says of its audit system."""
    return {name: int(value) for name, value in re.findall(r"^([a-z_]+) (\d+)$", auditctl("-s"), re.MULTILINE)}


def auditctl(*words: str) -> str:
    """Run auditctl, which must succeed; what it prints."""
    argv = ("auditctl", *words)
    return subprocess.run(argv, env=PLAIN, capture_output=True, text=True, check=True, timeout=60).stdout


def tell_boot() -> None:
    """Send the record of a boot, as systemd does when it has come up (SYSTEM_BOOT)."""
    libaudit = ctypes.CDLL("libaudit.so.1", use_errno=True)
    descriptor = libaudit.audit_open()
    try:
        name = b"systemd-update-utmp"
        sent = libaudit.audit_log_user_comm_message(descriptor, _SYSTEM_BOOT, b"", name, None, None, None, 1)
        if sent <= 0:
            raise OSError(ctypes.get_errno(), "the kernel takes no record of a boot")
    finally:
        os.close(descriptor)


@contextmanager
def kernel_audit() -> Iterator[None]:
    """Have the kernel's audit system to oneself, and leave it as it was. RuntimeError where it is in use already."""
    with LOCK.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = status()
        if _is_alive(before["pid"]):
            raise RuntimeError(f"this host has an audit daemon of its own, process {before['pid']}")
        if auditctl("-l").strip() != "No rules":
            raise RuntimeError("this host has audit rules of its own")
        try:
            yield
        finally:
            auditctl("-D")
            auditctl("-e", str(before["enabled"]))
            auditctl("-b", str(before["backlog_limit"]))


@dataclass
class Auditd:
    """A running auditd that writes `folder`/audit.log; a context manager that ends it again. `rules` are loaded as
    from a rules file. `names` is auditd's name_format: NONE, or USER for records that begin with `node=`."""

    folder: Path
    rules: str = ""
    format: LogFormat = "RAW"
    megabytes: int = 1
    name: str = ""
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def log(self) -> Path:
        """The log that is written now."""
        return self.folder / "audit.log"

    def __enter__(self) -> Self:
        self.start()
        try:
            self.load(self.rules)
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the daemon; returns when the kernel sends it the records."""
        (self.folder / "plugins.d").mkdir(parents=True, exist_ok=True)
        names = f"USER\nname = {self.name}" if self.name else "NONE"
        conf = _CONF.format(folder=self.folder, format=self.format, megabytes=self.megabytes, names=names)
        (self.folder / "auditd.conf").write_text(conf)
        (self.folder / "auditd.conf").chmod(0o640)
        argv = ("setpriv", "--pdeathsig", "KILL", "--", "auditd", "-n", "-c", str(self.folder))
        with (self.folder / "printed").open("ab") as printed:
            self._process = subprocess.Popen(argv, stdout=printed, stderr=printed, env=PLAIN)
        _wait(lambda: status()["pid"] == self._alive().pid and status()["enabled"] == 1)
        auditctl("-b", "8192")

    def stop(self) -> None:
        """End the daemon and wait until the kernel knows. A second call does nothing."""
        if self._process is None:
            return
        self._process.terminate()
        self._process.wait(timeout=20)
        self._process = None

    def load(self, rules: str) -> None:
        """Add rules to the kernel's, as `auditctl -R` does."""
        file = self.folder / "loaded.rules"
        file.write_text(rules)
        if rules:
            auditctl("-R", str(file))

    def rotate(self) -> None:
        """Have the log turned over, as its size would."""
        before = self.log.stat().st_ino
        self._alive().send_signal(signal.SIGUSR1)
        _wait(lambda: self.log.exists() and self.log.stat().st_ino != before)

    def settle(self) -> None:
        """Wait until everything that happened so far is in the log."""
        token = f"settled-{secrets.token_hex(8)}"
        auditctl("-m", token)
        _wait(lambda: any(token in log.read_text("utf-8", "surrogateescape") for log in self.logs()))

    def logs(self) -> list[Path]:
        """All of its logs, the oldest first."""
        rotated = sorted(self.folder.glob("audit.log.*"), key=lambda log: -int(log.suffix[1:]))
        return [*rotated, self.log]

    def text(self) -> str:
        """What stands in all of them."""
        return "".join(log.read_text("utf-8", "surrogateescape") for log in self.logs())

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            said = (self.folder / "printed").read_text().strip()
            raise RuntimeError(f"auditd does not run: {said[-500:]}")
        return self._process


def _is_alive(pid: int) -> bool:
    return pid != 0 and Path(f"/proc/{pid}").exists()


def _wait(done: Callable[[], bool], patience: float = 20) -> None:
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError("auditd does not do what it was asked for")
        time.sleep(0.01)
