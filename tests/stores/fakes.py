"""Programs that stand in for those of a host: each notes how it was called and does what a script says."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class Fakes:
    """A directory of programs at the front of PATH."""

    directory: Path

    def add(self, name: str, script: str = "") -> None:
        """A program that runs this shell script; `$0` and `$@` are noted before."""
        program = self.directory / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.log}\n{script}\n')
        program.chmod(0o755)

    @property
    def log(self) -> Path:
        return self.directory / ".log"

    @property
    def calls(self) -> list[str]:
        """How the programs were called, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []


def fakes(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Programs in front of all others until the test ends."""
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}{os.pathsep}{os.environ['PATH']}")
    return Fakes(directory)


def fakes_alone(directory: Path, monkeypatch: pytest.MonkeyPatch) -> Fakes:
    """Programs beside which nothing is found but a shell."""
    made = fakes(directory, monkeypatch)
    monkeypatch.setattr("virtwarden.stores.activators.environment", lambda _: {"PATH": str(directory)})
    return made
