"""Processes in namespaces of their own, and the certainty that none of them outlives its owner.

A `Holder` is the first process of a new process namespace. It does nothing but read a pipe whose other
end is ours: when we close it, or die in whatever way, the holder ends, and with it the kernel ends
every process of the namespace and takes down the mounts and interfaces that belonged to them.
"""

import contextlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FLAGS = ("mnt", "uts", "ipc", "net", "cgroup", "pid_for_children")
_OPTIONS = {"mnt": "--mount", "pid_for_children": "--pid"}


@dataclass(frozen=True, slots=True)
class Holder:
    """A set of namespaces, kept alive by one process."""

    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """The process, as numbered outside, whose namespaces these are."""
        return self.process.pid

    @property
    def root(self) -> Path:
        """The namespaces' file system as seen from outside; absolute links in it lead outside."""
        return Path(f"/proc/{self.pid}/root")

    def entered(self, *argv: str, kinds: tuple[str, ...] = FLAGS) -> tuple[str, ...]:
        """`argv` started inside. Whatever ends the entering process ends the command too."""
        doors = (f"{_OPTIONS.get(kind, f'--{kind}')}=/proc/{self.pid}/ns/{kind}" for kind in kinds)
        return ("nsenter", *doors, "--", "setpriv", "--pdeathsig", "KILL", "--", *argv)

    def end(self) -> None:
        """End every process inside; returns when all of them are gone."""
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def hold(argv: tuple[str, ...], env: Mapping[str, str]) -> Holder:
    """Start `argv`, a command that unshares and ends in `WAIT`, and return once it reads its pipe."""
    process = subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, start_new_session=True
    )
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(BrokenPipeError):  # it failed at once; its silence says so below
        process.stdin.write(b"held\n")
        process.stdin.flush()
    if process.stdout.readline() != b"held\n":  # cat echoes only when everything before it has worked
        raise RuntimeError(f"cannot make namespaces: {argv[0]} ended with {process.wait()}")
    process.stdout.close()
    return Holder(process)


WAIT = ("env", "--ignore-signal=CHLD", "cat")
"""The holder: with SIGCHLD ignored the kernel reaps the daemons' orphans itself."""
