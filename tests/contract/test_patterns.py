"""Regular expressions do what they say on every Python that we support.

Python before 3.11.5, Debian 12's among them, matches possessive groups and atomic groups wrongly where what is
repeated may backtrack (CPython issue 106052). Possessive repetition of a single character class is sound.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
UNSOUND = re.compile(r"\)(?:[*+?]|\{\d*,?\d*\})\+|\(\?>")


@pytest.mark.parametrize("path", sorted(SOURCE.rglob("*.py")), ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_group_is_possessive_or_atomic(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert [line for line in lines if UNSOUND.search(line)] == []
