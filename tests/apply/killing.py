"""Death at every point: before and after each call by which a process changes a disk, or starts a program that may.

A child is forked for each point; it counts its calls and ends itself, as hard as the kernel can, at the one it is
told. What it had not written is not written.
"""

from __future__ import annotations

import os
import signal
import subprocess
import traceback
from collections.abc import Callable
from typing import Any

_CALLS = (
    "rename", "replace", "unlink", "mkdir", "rmdir", "symlink", "chmod", "chown", "setxattr", "removexattr", "utime",
    "write", "pwrite", "fsync", "ftruncate", "truncate",
)  # fmt: skip


class Counter:
    """Counts the points and dies at one of them."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.seen = 0

    def point(self) -> None:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **kwargs: Any) -> Any:
            self.point()
            try:
                return call(*args, **kwargs)
            finally:
                self.point()

        return watched

    def watch(self) -> None:
        """Stand around every call that matters."""
        for name in _CALLS:
            setattr(os, name, self.around(getattr(os, name)))
        subprocess.run = self.around(subprocess.run)
        subprocess.Popen.wait = self.around(subprocess.Popen.wait)  # type: ignore[method-assign]


def points_of(work: Callable[[], object]) -> int:
    """How many points a piece of work has; it is done in a child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        counter = Counter(0)
        code = 1
        try:
            pipe_write = os.write
            counter.watch()
            work()
            pipe_write(writer, str(counter.seen).encode())
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader) as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    assert status == 0, "the work itself failed"
    return int(said)


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Do the work in a child that dies at this point; whether it did. Work that ends by an exception counts as done."""
    child = os.fork()
    if child == 0:
        try:
            Counter(point).watch()
            work()
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
