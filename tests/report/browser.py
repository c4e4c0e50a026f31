"""A real browser, driven over a pipe: it opens a page, evaluates expressions in it and notes what went wrong."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking",
    "--no-first-run", "--disable-extensions", "--remote-debugging-pipe",
)  # fmt: skip


class Page:
    """An open page. `complaints` are script errors, refusals of the page's policy, dialogs and requests."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._write = to_browser
        self._read = os.fdopen(from_browser, "rb", buffering=0)
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        self.complaints: list[str] = []

    def attach(self) -> None:
        """Take over a fresh tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = str(self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Load a file and wait until it has loaded."""
        self.call("Page.navigate", url=path.as_uri())
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            pass

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        result = answer["result"]
        assert isinstance(result, dict)
        return result.get("value")

    def call(self, method: str, **params: object) -> dict[str, object]:
        """One command of the DevTools protocol and its answer."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                result = answer["result"]
                assert isinstance(result, dict)
                return result
            self._notice(answer)

    def _next(self) -> dict[str, object]:
        while b"\0" not in self._buffer:
            data = self._read.read(65536)
            assert data, "the browser has gone"
            self._buffer += data
        message, _, self._buffer = self._buffer.partition(b"\0")
        decoded: dict[str, object] = json.loads(message)
        return decoded

    def _notice(self, event: dict[str, object]) -> None:
        method, told = event.get("method"), json.dumps(event.get("params"))
        if method in ("Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"):
            self.complaints.append(f"{method}: {told}")
        if method == "Network.requestWillBeSent" and '"url": "file:' not in told:
            self.complaints.append(f"a request: {told}")


@contextmanager
def browser() -> Iterator[Page]:
    """A browser with a fresh profile, gone at the end."""
    assert PROGRAM
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:

        def wire() -> None:
            os.dup2(to_read, 3)
            os.dup2(from_write, 4)

        # The pipe's ends must be 3 and 4 in the browser; moved out of the way first, for they may be 3 or 4 here.
        to_read, from_write = _above(to_read), _above(from_write)
        process = subprocess.Popen(
            [PROGRAM, *_FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=wire,  # noqa: PLW1509  # it only moves descriptors, and tests start no threads here
            pass_fds=(3, 4),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(from_write)
        page = Page(to_write, from_read)
        try:
            page.attach()
            yield page
        finally:
            process.kill()
            process.wait()
            os.close(to_write)


def _above(descriptor: int) -> int:
    moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(descriptor)
    return moved
