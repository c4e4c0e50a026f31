"""One command, run from its argv with bounds on its time and its output."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import IO

from virtwarden.host import Absent, Output, Unknown

TIMEOUT = 20.0
OUTPUT_LIMIT = 32 * 2**20
_SYSTEM_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


def run(argv: tuple[str, ...], timeout: float = TIMEOUT, limit: int = OUTPUT_LIMIT) -> Output:
    """What the command printed and how it ended; a signal n counts as exit 128 + n, as in a shell.

    Raises `Absent` where there is no such command, and `Unknown` where it may not be run, does not end in
    time, or floods.
    """
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env=environment(os.environ),
            start_new_session=True,
        )
    except FileNotFoundError:
        raise Absent(f"{argv[0]} is not installed") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unknown(f"{argv[0]} cannot be run: {reason.lower()}") from None
    try:
        stdout, stderr = _collected(child, argv, timeout, limit)
        code = _code(child, argv, timeout)
    finally:
        _end(child)
    return Output(argv, code, stdout, stderr, datetime.now(UTC))


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment of commands: English, and with the directories of administrators' programs."""
    path = [directory for directory in inherited.get("PATH", "").split(":") if directory.startswith("/")]
    added = [directory for directory in _SYSTEM_PATH if directory not in path]
    without = {name: value for name, value in inherited.items() if name not in {"LANGUAGE", "LANG"}}
    return {**without, "LC_ALL": "C", "PATH": ":".join((*path, *added))}


def _collected(
    child: subprocess.Popen[bytes], argv: tuple[str, ...], timeout: float, limit: int
) -> tuple[str, str]:
    """Both streams to their ends."""
    deadline = time.monotonic() + timeout
    gathered: dict[int, list[bytes]] = {}
    size = 0
    with selectors.DefaultSelector() as selector:
        streams = [stream for stream in (child.stdout, child.stderr) if stream is not None]
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
            gathered[stream.fileno()] = []
        while selector.get_map():
            ready = selector.select(max(0.0, deadline - time.monotonic()))
            if not ready:
                raise Unknown(f"{' '.join(argv)}: did not end within {timeout:g} s")
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                if not chunk:
                    selector.unregister(key.fileobj)
                gathered[key.fd].append(chunk)
                size += len(chunk)
            if size > limit:
                raise Unknown(f"{' '.join(argv)}: printed more than {limit} bytes")
    stdout, stderr = (b"".join(gathered[stream.fileno()]) for stream in streams)
    return stdout.decode("utf-8", "surrogateescape"), stderr.decode("utf-8", "surrogateescape")


def _code(child: subprocess.Popen[bytes], argv: tuple[str, ...], timeout: float) -> int:
    try:
        code = child.wait(timeout)
    except subprocess.TimeoutExpired:
        raise Unknown(f"{' '.join(argv)}: did not end within {timeout:g} s") from None
    return 128 - code if code < 0 else code


def _end(child: subprocess.Popen[bytes]) -> None:
    """Nothing of the command outlives its answer, and nothing waits for a process that cannot be killed."""
    if child.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(2.0)
    pipes: tuple[IO[bytes] | None, ...] = (child.stdout, child.stderr)
    for pipe in pipes:
        if pipe is not None:
            pipe.close()
