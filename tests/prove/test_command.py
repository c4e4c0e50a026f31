"""`virt-warden prove`: what it says of itself, and how observations become an exit code."""

from __future__ import annotations

import pytest

from virtwarden.cli import UsageError, prove
from virtwarden.cli.prove.telling import exit_code
from virtwarden.model import Observation


def test_it_lists_its_proofs(capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.run(["--help"]) == 0
    assert "audit" in capsys.readouterr().out


def test_without_a_proof_it_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert prove.run([]) == 3


def test_an_unknown_proof_is_named() -> None:
    with pytest.raises(UsageError, match="there is no command prove tls"):
        prove.run(["tls"])


@pytest.mark.parametrize(
    ("holds", "code"), [([True, True], 0), ([], 2), ([True, None], 2), ([None, False, True], 1)]
)
def test_the_worst_observation_decides_the_exit_code(holds: list[bool | None], code: int) -> None:
    assert exit_code([Observation("it is so", each, "") for each in holds]) == code


def test_only_root_can_prove_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(UsageError, match="only root"):
        prove.run(["audit"])
