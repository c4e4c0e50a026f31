"""Passphrases and passwords: asked for at the terminal, or read from a file descriptor or a file; never an argument or
the environment, where other users and logs would see them."""

from __future__ import annotations

import argparse
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from virtwarden.cli import UsageError

_LONGEST = 4096
_HIGHEST = (1 << 31) - 1


def add_secret(made: argparse.ArgumentParser, name: str, what: str) -> None:
    """Add `--NAME-fd` and `--NAME-file` to a parser; without either one is asked."""
    group = made.add_mutually_exclusive_group()
    group.add_argument(f"--{name}-fd", type=int, metavar="N", help=f"read {what} from this open file descriptor")
    group.add_argument(f"--{name}-file", metavar="FILE", help=f"read {what} from the first line of this file")


def secret(
    chosen: argparse.Namespace,
    name: str,
    prompt: str,
    *,
    twice: bool = False,
    fit: Callable[[bytes], bytes] | None = None,
) -> bytes:
    """What `add_secret` offered: the first line, without its end. `twice` asks again, where a slip could not be mended
    later; before that `fit` has its say, which raises `Complaint` for what will not do. Raises `UsageError`."""
    given = _read(chosen, name) or _asked(prompt, name)
    if fit is not None:
        given = fit(given)
    if twice and _is_asked(chosen, name) and _asked(f"{prompt}, again", name) != given:
        raise UsageError("the two are not the same")
    return given


def _is_asked(chosen: argparse.Namespace, name: str) -> bool:
    return all(given is None for given in _named(chosen, name))


def _named(chosen: argparse.Namespace, name: str) -> tuple[int | None, str | None]:
    found, stem = vars(chosen), name.replace("-", "_")
    return found[f"{stem}_fd"], found[f"{stem}_file"]


def _read(chosen: argparse.Namespace, name: str) -> bytes | None:
    """What is in the descriptor or the file that is named; None where none is."""
    descriptor, path = _named(chosen, name)
    if descriptor is not None:
        if not 0 <= descriptor <= _HIGHEST:
            raise UsageError(f"{descriptor} is no file descriptor")
        return _first_line(descriptor, f"file descriptor {descriptor}")
    if path is not None:
        try:
            opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as refused:
            raise UsageError(f"{path} cannot be read: {refused.strerror}") from None
        try:
            return _first_line(opened, path)
        finally:
            os.close(opened)
    return None


def _first_line(descriptor: int, where: str) -> bytes:
    held = b""
    try:
        while len(held) <= _LONGEST and b"\n" not in held and (got := os.read(descriptor, _LONGEST)):
            held += got
    except OSError as refused:
        raise UsageError(f"{where} cannot be read: {refused.strerror}") from None
    line = held.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise UsageError(f"there is nothing in {where}; its first line is taken")
    if len(line) > _LONGEST:
        raise UsageError(f"the first line of {where} is longer than {_LONGEST} bytes")
    return line


def _asked(prompt: str, name: str) -> bytes:
    """What is typed, byte for byte, so that it is the same in every locale, and as in a file."""
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask at; use --{name}-fd or --{name}-file")
    with _terminal() as terminal, _unseen(terminal):
        os.write(terminal, f"{prompt}: ".encode(errors="backslashreplace"))
        try:
            typed = _line(terminal)
        finally:
            os.write(terminal, b"\n")
    given = typed.removesuffix(b"\n")
    if not given:
        raise UsageError("nothing was given")
    return given


def _line(terminal: int) -> bytes:
    typed = b""
    while not typed.endswith(b"\n") and (got := os.read(terminal, _LONGEST)):
        typed += got
    return typed


@contextmanager
def _terminal() -> Iterator[int]:
    try:
        opened = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        opened = os.dup(sys.stdin.fileno())  # the terminal that was handed over is not the session's own
    try:
        yield opened
    finally:
        os.close(opened)


@contextmanager
def _unseen(terminal: int) -> Iterator[None]:
    """What is typed is not shown."""
    try:
        before = termios.tcgetattr(terminal)
    except termios.error as refused:
        raise UsageError(f"the terminal cannot be made not to show what is typed: {refused.args[-1]}") from None
    hidden = before.copy()
    hidden[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSAFLUSH, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSAFLUSH, before)
