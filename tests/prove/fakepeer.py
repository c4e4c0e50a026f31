"""A peer that says what it is told to, byte by byte if need be, and hangs up or falls silent when it has."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from virtwarden.lab import Endpoint

HERE = "127.0.0.1"


@contextmanager
def peer(*says: bytes, hangs_up: bool = True, pause: float = 0.0) -> Iterator[Endpoint]:
    """It listens on the loopback and says each piece, after a word from the other side where a piece is empty."""
    done = threading.Event()
    with socket.create_server((HERE, 0)) as ear:
        ear.settimeout(0.05)
        thread = threading.Thread(target=_serve, args=(ear, says, hangs_up, pause, done))
        thread.start()
        try:
            yield Endpoint(HERE, ear.getsockname()[1])
        finally:
            done.set()
            thread.join()


def _serve(
    ear: socket.socket, says: tuple[bytes, ...], hangs_up: bool, pause: float, done: threading.Event
) -> None:
    while not done.is_set():
        with suppress(TimeoutError):
            connection, _ = ear.accept()
            with connection, suppress(OSError):
                connection.settimeout(1.0)
                for piece in says:
                    _say(connection, piece, pause, done)
                if not hangs_up:
                    done.wait()


def _say(connection: socket.socket, piece: bytes, pause: float, done: threading.Event) -> None:
    if not piece:
        connection.recv(1 << 16)
    elif not pause:
        connection.sendall(piece)
    for byte in piece if pause else b"":
        if done.is_set():
            return
        connection.sendall(bytes((byte,)))
        time.sleep(pause)
