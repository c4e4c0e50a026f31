"""libvirt's daemons read their certificates again while sessions stay open, and while others want to begin.

A daemon that is told to while a client shakes hands ends itself (seen of libvirt 9.0): the handshake goes on with what
was freed. So new clients are held back for that moment. They are not refused: they wait in the kernel's queue, since a
daemon that has as many clients as it may does not accept more. A client of our own keeps it at that number.
"""

from __future__ import annotations

import os
import re
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from virtwarden.sources.process import environment
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs, Said

_SOCKET = "/run/libvirt/libvirt-sock"
_PATIENCE = 5.0
_PAUSE = 0.05
_LEAST, _USUAL = (1, 1), (5000, 20)
_LIMIT = re.compile(r"^(nclients_max|nclients_unauth_max)\s*:\s*(\d+)\s*$", re.MULTILINE)
_OVER_TLS = re.compile(r"^\s*(\d+)\s+tls\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TlsDaemon:
    """One of libvirt's daemons that listens for TLS, by its administration interface."""

    name: str
    programs: Programs

    def reload(self) -> str:
        """Have it read its certificates; what is to be said of that. Raises `StoreError` where it does not like them,
        and goes on with the old ones."""
        with self._held_back():
            self._await_handshakes()
            said = self._asked("server-update-tls", self.name)
        if said.code == 0:
            return ""
        if "no tls service" in said.complaint:
            return f"{self.name} offers no TLS now, and reads them when it does"
        raise StoreError(f"{self.name} does not take the new certificates: {said.complaint}")

    def _asked(self, *words: str) -> Said:
        return self.programs.ask(("virt-admin", "--connect", f"{self.name}:///system", *words))

    @contextmanager
    def _held_back(self) -> Iterator[None]:
        """New clients wait as long as this lasts."""
        limits = self._limits()
        with _client() as there:
            if not there:
                yield  # nobody can come in at all
                return
            self._limit(*_LEAST)
            try:
                yield
            finally:
                self._limit(*limits)

    def _limits(self) -> tuple[int, int]:
        """How many clients it takes, in all and before they have logged in. Where an interrupted reload left them at
        their least, libvirt's own numbers are meant."""
        told = self._asked("server-clients-info", self.name).stdout
        found = {name: int(number) for name, number in _LIMIT.findall(told)}
        limits = found.get("nclients_max", _USUAL[0]), found.get("nclients_unauth_max", _USUAL[1])
        return _USUAL if limits == _LEAST else limits

    def _limit(self, clients: int, unknown: int) -> None:
        # Their order is the daemon's: there may never be fewer clients in all than before they have logged in.
        words = ("--max-clients", str(clients), "--max-unauth-clients", str(unknown))
        self._asked("server-clients-set", self.name, *words)

    def _await_handshakes(self) -> None:
        """Wait for handshakes that go on; who does not come to an end with one is sent away."""
        known: set[str] = set()
        deadline = time.monotonic() + _PATIENCE
        while pending := self._over_tls() - known:
            known |= {client for client in pending if self._asked("client-info", self.name, client).code == 0}
            if time.monotonic() > deadline:
                for client in pending - known:
                    self._asked("client-disconnect", self.name, client)
                return
            time.sleep(_PAUSE)

    def _over_tls(self) -> set[str]:
        """The clients over TLS; of those that it knows by name already the handshake is over."""
        return set(_OVER_TLS.findall(self._asked("client-list", self.name).stdout))


@contextmanager
def _client() -> Iterator[bool]:
    """A client of our own; whether it is let in. It goes when we do, however we end."""
    argv = ("virsh", "--quiet", "--connect", f"qemu+unix:///system?socket={_SOCKET}")
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        argv, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd="/", env=environment(os.environ)
    )
    try:
        yield _answers(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(process: subprocess.Popen[bytes]) -> bool:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(b"uri\necho it-is-up\n")
        process.stdin.flush()
    except OSError:
        return False
    heard, deadline = b"", time.monotonic() + 2 * _PATIENCE
    while time.monotonic() < deadline and b"\nit-is-up" not in heard:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        got = os.read(process.stdout.fileno(), 4096)
        if not got:
            return False
        heard += got
    return b"qemu+unix" in heard
