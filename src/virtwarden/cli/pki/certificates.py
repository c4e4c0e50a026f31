"""Certificates from files that somebody names."""

from __future__ import annotations

import os
import stat
import sys

from virtwarden.cli import UsageError
from virtwarden.formats import Malformed, pem
from virtwarden.formats.certificate import Certificate, certificate
from virtwarden.report.visible import visible

_LONGEST = 4 << 20


def certificates_in(path: str) -> list[Certificate]:
    """The certificates of a file in PEM, at least one. Raises `UsageError`."""
    shown = "standard input" if path == "-" else visible(path)
    try:
        blocks = [block for block in pem.parse(_text(path)) if block.is_certificate]
        found = [certificate(block.text) for block in blocks]
    except Malformed as wrong:
        raise UsageError(f"{shown}: {visible(str(wrong))}") from None
    except OSError as refused:
        raise UsageError(f"{shown} cannot be read: {refused.strerror}") from None
    if not found:
        raise UsageError(f"there is no certificate in {shown}; one in PEM begins with -----BEGIN CERTIFICATE-----")
    return found


def _text(path: str) -> str:
    if path == "-":
        return sys.stdin.buffer.read(_LONGEST).decode("utf-8", "replace")
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"{visible(path)} is no file")
        return opened.read(_LONGEST).decode("utf-8", "replace")
