"""Runs a viewer through a tunnel of ssh, which ends when the viewer does, or we."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from virtwarden.cli import UsageError
from virtwarden.cli.reaching.freeport import is_awaited

_PATIENCE = 120.0  # somebody may have to type a passphrase


def through(tunnel: Sequence[str], port: int, viewer: Sequence[str]) -> int:
    """Open the tunnel, run the viewer, close the tunnel; the viewer's exit code. Raises `UsageError`."""
    with _ended_on_signals(), _open(tunnel, port):
        child = _started(viewer)
        try:
            code = child.wait()
        finally:
            _end(child)
    return code if code >= 0 else 128 - code


@contextmanager
def _open(tunnel: Sequence[str], port: int) -> Iterator[None]:
    ssh = _started(tunnel)
    try:
        _await(lambda: is_awaited(port), ssh)
        yield
    finally:
        _end(ssh)


def _await(ready: Callable[[], bool], ssh: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not ready():
        if ssh.poll() is not None:
            raise UsageError(f"ssh ended with {ssh.returncode} before the tunnel was open")
        if time.monotonic() > deadline:
            raise UsageError(f"ssh had no tunnel open after {_PATIENCE:g} s")
        time.sleep(0.05)


def _started(argv: Sequence[str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(argv)
    except FileNotFoundError:
        raise UsageError(f"{argv[0]} is not installed here") from None
    except OSError as wrong:
        raise UsageError(f"{argv[0]} cannot be run: {(wrong.strerror or str(wrong)).lower()}") from None


def _end(child: subprocess.Popen[bytes]) -> None:
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(5.0)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def _ended_on_signals() -> Iterator[None]:
    """Being told to end closes the tunnel first."""
    kinds = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(kind, _interrupt) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
