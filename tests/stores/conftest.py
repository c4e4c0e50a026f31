"""Stand-ins for programs of a host."""

from pathlib import Path

import pytest

from tests.stores.fakes import Fakes, fakes, fakes_alone


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return fakes(tmp_path / "programs", monkeypatch)


@pytest.fixture
def only_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    return fakes_alone(tmp_path / "programs", monkeypatch)
