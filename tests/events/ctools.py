"""The C tools of auditd 3, asked about logs that tests made: what they really print, in English and in UTC."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

_WHERE = "/usr/bin:/usr/sbin:/bin:/sbin"
_ENGLISH = {"LC_ALL": "C", "TZ": "UTC", "PATH": _WHERE}


def auvirt(log: Path, *options: str) -> str:
    """What auvirt prints of a log. It reads its standard input when that is no terminal, so it is given none."""
    return _asked("auvirt", *options, "--file", str(log))


def ausearch(log: Path, *options: str) -> str:
    """What ausearch prints of a log."""
    return _asked("ausearch", "-if", str(log), *options)


def rows(text: str) -> list[list[str]]:
    """The cells of auvirt's lines, without the blanks that fill them."""
    return [[cell.strip() for cell in line.split("\t")] for line in text.splitlines()]


def _asked(program: str, *words: str) -> str:
    if shutil.which(program, path=_WHERE) is None:
        pytest.skip(f"{program} is not installed; auditd 3 has it")
    done = subprocess.run(
        (program, *words), stdin=subprocess.DEVNULL, capture_output=True, env=_ENGLISH, timeout=120, check=False
    )
    return done.stdout.decode("utf-8", "surrogateescape")
