"""A shell at the other end of a connection: scripts go in, framed replies come out, and silence ends it."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

from virtwarden.sources import SourceError
from virtwarden.sources.remotereply import Reply, Stream
from virtwarden.sources.remotescript import TIMEOUT, prelude

LOG_IN_LIMIT = 90.0
SILENCE_LIMIT = TIMEOUT + 15.0
TRIP_LIMIT = 2**30
_CHUNK = 65536


@dataclass(frozen=True, slots=True)
class Lost(Exception):
    """The connection is gone; `words` say why, in ssh's own where it said any."""

    words: str


class Shell:
    """The shell that a command line such as ssh's leads to; it is logged in to when this is made.

    Raises `SourceError` where that fails.
    """

    def __init__(self, argv: tuple[str, ...], name: str, word: str, *, silence: float = SILENCE_LIMIT) -> None:
        self._streams = Stream(word.encode()), Stream(word.encode())
        self._silence = silence
        try:
            self._client = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise SourceError(f"{name}: {argv[0]} cannot be run here: {(error.strerror or '').lower()}") from None
        try:
            self.exchange(prelude(word), 0, LOG_IN_LIMIT)
        except BaseException as failed:
            self.close()
            if isinstance(failed, Lost):
                raise SourceError(f"{name}: {failed.words}") from None
            raise

    def exchange(self, script: str, batch: int, silence: float | None = None) -> datetime:
        """Send a script and take in its replies up to the end of this batch; the time at which they were there.

        Raises `Lost`, after which the replies that did come can still be had.
        """
        for stream in self._streams:
            stream.forget()
        limit = silence or self._silence
        pending = memoryview(script.encode("utf-8", "surrogateescape"))
        with selectors.DefaultSelector() as selector:
            ends = self._register(selector)
            while any(stream.batch != batch for stream in self._streams):
                ready = selector.select(limit)
                if not ready:
                    raise Lost(f"the connection was given up after {limit:g} s of silence")
                for key, _ in ready:
                    if key.fileobj is self._client.stdin:
                        pending = self._write(selector, pending)
                    else:
                        ends[key.fd].feed(self._read(key.fd))
                if sum(stream.size for stream in self._streams) > TRIP_LIMIT:
                    raise Lost(f"the connection was given up after {TRIP_LIMIT} bytes of replies")
        return datetime.now(UTC)

    def reply(self, identity: str, at: datetime) -> Reply | None:
        """The reply of this id in the last exchange; None if it did not come whole."""
        out, err = self._streams
        if identity not in out.codes or identity not in err.codes:
            return None
        return Reply(bytes(out.replies[identity]), bytes(err.replies[identity]), err.codes[identity], at)

    def close(self) -> None:
        """Hang up, and leave no process behind."""
        pipes: tuple[IO[bytes] | None, ...] = (self._client.stdin, self._client.stdout, self._client.stderr)
        for pipe in pipes:
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._client.wait(1.0)
        if self._client.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._client.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._client.wait(2.0)

    def _register(self, selector: selectors.BaseSelector) -> dict[int, Stream]:
        stdin, stdout, stderr = self._client.stdin, self._client.stdout, self._client.stderr
        assert stdin is not None
        assert stdout is not None
        assert stderr is not None
        os.set_blocking(stdin.fileno(), False)
        selector.register(stdin, selectors.EVENT_WRITE)
        selector.register(stdout, selectors.EVENT_READ)
        selector.register(stderr, selectors.EVENT_READ)
        return {stdout.fileno(): self._streams[0], stderr.fileno(): self._streams[1]}

    def _write(self, selector: selectors.BaseSelector, pending: memoryview) -> memoryview:
        stdin = self._client.stdin
        assert stdin is not None
        try:
            written = os.write(stdin.fileno(), pending[:_CHUNK]) if pending else 0
        except BlockingIOError:
            written = 0
        except BrokenPipeError:
            raise Lost(self._last_words()) from None
        if written == len(pending):
            selector.unregister(stdin)
        return pending[written:]

    def _read(self, descriptor: int) -> bytes:
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            raise Lost(self._last_words())
        return chunk

    def _last_words(self) -> str:
        """What ssh said before it ended."""
        stderr = self._client.stderr
        assert stderr is not None
        os.set_blocking(stderr.fileno(), False)
        end = time.monotonic() + 2.0
        with selectors.DefaultSelector() as selector:
            selector.register(stderr, selectors.EVENT_READ)
            while selector.select(max(end - time.monotonic(), 0)):
                chunk = os.read(stderr.fileno(), _CHUNK)
                if not chunk:
                    break
                self._streams[1].feed(chunk)
        self._streams[1].end()
        said = self._streams[1].noise.decode("utf-8", "replace")
        lines = ["".join(c for c in line if c.isprintable()).strip() for line in said.splitlines()]
        words = "; ".join([line for line in lines if line][-2:])
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._client.wait(1.0)
        return words or f"the connection ended (exit {self._client.poll()}) and ssh said nothing"
