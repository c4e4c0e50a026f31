"""What a killed test run left behind, found again and removed at the next start.

Each machine has a folder that says who owns it and which processes hold it. A folder whose owner still
runs is another session's and is left alone.
"""

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.real.cgroups import CgroupTree

PREFIX = "virt-warden-machine-"


@dataclass(frozen=True, slots=True)
class Process:
    """A process that cannot be mistaken for a later one of the same number."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> "Process":
        """The process that has this number now; OSError if there is none."""
        return cls(pid, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        try:
            return Process.of(self.pid) == self
        except OSError:
            return False


def new_folder(name: str) -> Path:
    """A private folder for the machine `name`, owned by this process."""
    nameless = Path(tempfile.mkdtemp(prefix="virt-warden-new-"))
    note(nameless / "owner", [os.getpid()])
    return nameless.rename(nameless.with_name(f"{PREFIX}{name}-{nameless.name[-8:]}"))  # never seen unowned


def note(file: Path, pids: Iterable[int]) -> None:
    """Write down processes so that a later run can tell whether they are still the same."""
    processes = (Process.of(pid) for pid in pids)
    file.write_text("".join(f"{process.pid} {process.started}\n" for process in processes))


def noted(file: Path) -> tuple[Process, ...]:
    """The processes written down in `file`, none if it was never written."""
    if not file.exists():
        return ()
    words = (line.split() for line in file.read_text().splitlines())
    return tuple(Process(int(pid), started) for pid, started in words)


def sweep(parent: Path | None = None) -> tuple[Path, ...]:
    """Remove the machines whose owners are gone; returns their folders."""
    folders = sorted((parent or Path(tempfile.gettempdir())).glob(f"{PREFIX}*"))
    abandoned = tuple(f for f in folders if not any(p.is_alive for p in noted(f / "owner")))
    for folder in abandoned:
        _end(noted(folder / "holders"))
        CgroupTree.here(folder.name).remove()
        shutil.rmtree(folder, ignore_errors=True)
    return abandoned


def _end(processes: tuple[Process, ...]) -> None:
    for process in processes:
        if process.is_alive:
            os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while any(process.is_alive for process in processes) and time.monotonic() < deadline:
        time.sleep(0.02)
