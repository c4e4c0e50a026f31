"""Passphrases and passwords: asked for at the terminal, or read from a file descriptor or a file; never an argument or
the environment, where other users and logs would see them."""

from __future__ import annotations

import argparse
import os
import sys

from virtwarden.cli import UsageError

_LONGEST = 4096


def add_secret(made: argparse.ArgumentParser, name: str, what: str) -> None:
    """Add `--NAME-fd` and `--NAME-file` to a parser; without either one is asked."""
    group = made.add_mutually_exclusive_group()
    group.add_argument(f"--{name}-fd", type=int, metavar="N", help=f"read {what} from this open file descriptor")
    group.add_argument(f"--{name}-file", metavar="FILE", help=f"read {what} from the first line of this file")


def secret(chosen: argparse.Namespace, name: str, prompt: str, *, twice: bool = False) -> bytes:
    """What `add_secret` offered: the first line, without its end. `twice` asks again, where a slip could not be mended
    later. Raises `UsageError`."""
    descriptor, path = (getattr(chosen, f"{name}_{how}".replace("-", "_")) for how in ("fd", "file"))
    if descriptor is not None:
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
    return _asked(prompt, name, twice)


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


def _asked(prompt: str, name: str, twice: bool) -> bytes:
    if not sys.stdin.isatty():
        raise UsageError(f"there is no terminal to ask at; use --{name}-fd or --{name}-file")
    from getpass import getpass  # noqa: PLC0415

    given = getpass(f"{prompt}: ")
    if not given:
        raise UsageError("nothing was given")
    if twice and getpass(f"{prompt}, again: ") != given:
        raise UsageError("the two are not the same")
    return given.encode()
