"""Harmless things done to a path by a process of its own, which is gone afterwards.

The process works in a new directory that nothing else ever works in: the kernel writes it into the records of what
the process does (CWD), which tells them from all others, whatever the path, the program or the process number.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from virtwarden.lab import PREFIX, Act, Done, Impossible, Way
from virtwarden.labs.widths import door
from virtwarden.sources.process import environment

PLACES = "/run"
_LOGINUID = "/proc/self/loginuid"
_PTRACE_TRACEME = 0
_NO_LOGIN, _NO_TRACE, _NO_DOOR, _ODD = 250, 251, 252, 253
_WHY = {
    _NO_LOGIN: "the login of a process cannot be set here",
    _NO_TRACE: "a process cannot be stopped at its start here",
    _NO_DOOR: "32-bit system calls cannot be tried here",
    _ODD: "the process that should do it failed",
}
_NO_32_BIT = (signal.SIGSEGV, signal.SIGILL, signal.SIGSYS)
_OPENING = os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_QEMU = ("-machine", "none", "-nodefaults", "-display", "none", "-S", "-pidfile")
_PATIENCE = 10.0


class NoNarrowDoor(Impossible):
    """This kernel has no 32-bit system calls."""


def done(act: Act) -> Done:
    """Do it. Raises `Impossible`."""
    place = tempfile.mkdtemp(prefix=PREFIX, dir=PLACES)
    try:
        with _readied(act) as path:
            refused = _by_program(act, path, place) if act.program else _by_child(act, path, place)
        return Done(place, refused)
    except OSError as wrong:
        raise Impossible(f"{act.path}: {(wrong.strerror or str(wrong)).lower()}") from None
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def _readied(act: Act) -> Iterator[str]:
    """The path that is touched; a new file is made beforehand unless making it is what is done."""
    if not act.inside:
        yield act.path
        return
    path = f"{act.path.rstrip('/')}/{PREFIX}{secrets.token_hex(8)}"
    try:
        if act.way is not Way.MAKE:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def _by_child(act: Act, path: str, place: str) -> str:
    child = os.fork()
    if child == 0:
        code = _ODD
        try:
            code = _in_child(act, path, place)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, os.WUNTRACED)
    while os.WIFSTOPPED(status):  # at the first instruction of what it became
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, os.WUNTRACED)
        if os.WIFSIGNALED(status):
            return ""
    if os.WIFSIGNALED(status):
        if act.width == "b32" and os.WTERMSIG(status) in _NO_32_BIT:
            raise NoNarrowDoor("this kernel has no 32-bit system calls")
        raise Impossible(f"the process that should do it was ended by signal {os.WTERMSIG(status)}")
    code = os.WEXITSTATUS(status)
    if code in _WHY:
        raise Impossible(_WHY[code])
    return os.strerror(code).lower() if code else ""


def _in_child(act: Act, path: str, place: str) -> int:
    if act.login is not None and not _login(act.login):
        return _NO_LOGIN
    try:
        way = door(act.width)
    except Impossible:
        return _NO_DOOR
    mode = os.stat(path).st_mode & 0o7777 if act.way is Way.MODE else 0
    if act.way is Way.EXECUTE and ctypes.CDLL(None).ptrace(_PTRACE_TRACEME, 0, 0, 0) != 0:
        return _NO_TRACE
    os.chdir(place)
    try:
        match act.way:
            case Way.MAKE:
                way.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | _OPENING)
            case Way.APPEND:
                way.open(path, os.O_WRONLY | os.O_APPEND | _OPENING)
            case Way.READ:
                way.open(path, os.O_RDONLY | _OPENING)
            case Way.MODE:
                way.chmod(path, mode)
            case Way.EXECUTE:
                way.execute(path)
    except OSError as refused:
        return refused.errno or errno.EIO
    return 0


def _login(wanted: int) -> bool:
    """Have the process belong to this login. The kernel lets root set it; some hosts forbid even that."""
    try:
        if int(Path(_LOGINUID).read_text()) == wanted:
            return True
        Path(_LOGINUID).write_text(str(wanted))
    except (OSError, ValueError):
        return False
    return True


def _by_program(act: Act, path: str, place: str) -> str:
    """One of QEMU's own programs makes the file."""
    name = os.path.basename(act.program)
    if name == "qemu-img":
        argv = [act.program, "create", "-q", "-f", "raw", path, "64K"]
    elif name.startswith(("qemu-system-", "qemu-kvm")):
        argv = [act.program, *_QEMU, path]
    else:
        raise Impossible(f"{act.program} cannot be made to touch a file")
    process = subprocess.Popen(
        argv,
        cwd=place,
        env=environment(os.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        preexec_fn=None if act.login is None else partial(_login, act.login),  # noqa: PLW1509  # there are no threads
    )
    try:
        deadline = time.monotonic() + _PATIENCE
        while not os.path.exists(path) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        made = os.path.exists(path)
    finally:
        process.terminate()
        process.wait(_PATIENCE)
    if not made:
        raise Impossible(f"{act.program} made no file in {act.path}")
    return ""
