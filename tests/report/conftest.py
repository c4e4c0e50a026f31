"""Golden reports: what a renderer wrote when a person last looked at it.

`pytest tests/report --update-golden` writes them anew; without it a missing golden fails like a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"

Compare = Callable[[str, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The switch that accepts what the renderers write now."""
    parser.addoption(
        "--update-golden", action="store_true", help="write the golden reports and the JSON Schema anew"
    )


@pytest.fixture
def updating(pytestconfig: pytest.Config) -> bool:
    """Whether golden files are to be written."""
    return bool(pytestconfig.getoption("--update-golden", default=False))


@pytest.fixture
def golden(updating: bool) -> Compare:
    """Compares a text with the golden file of a name."""

    def compare(name: str, text: str) -> None:
        against(GOLDEN / name, text, updating)

    return compare


def against(path: Path, text: str, updating: bool) -> None:
    """Compare a text with a file, or write the file."""
    if updating:
        path.write_bytes(text.encode())
    assert path.exists(), f"{path.name} is missing; look at what is written and run with --update-golden"
    assert path.read_bytes().decode() == text, f"{path.name} differs; if that is right, run with --update-golden"
