"""Passphrases as a person types them at a real terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.pki.made import PASSPHRASE, signer
from virtwarden.pki import authority

GOOD = "pässwörd läng".encode()
TYPED = GOOD + b"\n"
CTRL_C, CTRL_D = b"\x03", b"\x04"
PATIENCE = 20.0


@dataclass(frozen=True, slots=True)
class Said:
    """How a dialogue ended: the exit code, what the terminal showed, and whether it shows again what is typed."""

    code: int
    text: str
    echoes: bool


def dialogue(folder: Path, words: tuple[str, ...], *answers: bytes, locale: str = "C.UTF-8") -> Said:
    """Run a command at a terminal of its own, with an answer to each prompt."""
    ours, theirs = pty.openpty()
    argv = ("setsid", "--ctty", "--wait", sys.executable, "-m", "virtwarden", *words)
    environment = {**os.environ, "LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    child = subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environment)
    try:
        text, waiting = b"", list(answers)
        deadline = time.monotonic() + PATIENCE
        while child.poll() is None and time.monotonic() < deadline:
            if select.select([ours], [], [], 0.05)[0]:
                text += os.read(ours, 4096)
            elif waiting and text.endswith((b": ", b"] ")):
                os.write(ours, waiting.pop(0))
                text += b"<"
        while select.select([ours], [], [], 0)[0]:
            text += os.read(ours, 4096)
        echoes = bool(termios.tcgetattr(theirs)[3] & termios.ECHO)
    finally:
        child.kill()
        code = child.wait()
        os.close(ours)
        os.close(theirs)
    return Said(code, text.decode("utf-8", "replace").replace("\r\n", "\n").replace("<", ""), echoes)


INIT = ("pki", "init", "ca", "--here", "--name", "Example/kvm")


def test_a_passphrase_is_typed_twice_and_opens_the_authority_as_from_a_file(tmp_path: Path) -> None:
    said = dialogue(tmp_path, INIT, TYPED, TYPED)
    assert said.code == 0, said.text
    assert "läng" not in said.text
    assert authority.load(tmp_path / "ca").signer(GOOD)


def test_what_is_typed_is_the_same_in_every_locale(tmp_path: Path) -> None:
    assert dialogue(tmp_path, INIT, TYPED, TYPED, locale="C").code == 0
    assert authority.load(tmp_path / "ca").signer(GOOD)
    bytes_ = b"\xff\xfe no text at all"
    again = ("pki", "init", "other", "--here", "--name", "Example/kvm")
    assert dialogue(tmp_path, again, bytes_ + b"\n", bytes_ + b"\n").code == 0
    assert authority.load(tmp_path / "other").signer(bytes_)


@pytest.mark.parametrize(
    ("answers", "code", "told"),
    [
        ((TYPED, b"another one\n"), 3, "the two are not the same"),
        ((b"short\n",), 3, "shorter than 8 characters"),
        ((b"\n",), 3, "nothing was given"),
        ((CTRL_D,), 3, "nothing was given"),
        ((TYPED, CTRL_D), 3, "nothing was given"),
        ((CTRL_C,), 130, ""),
        ((TYPED, b"abc" + CTRL_C), 130, ""),
    ],
)
def test_a_slip_at_the_prompt_makes_nothing(
    tmp_path: Path, answers: tuple[bytes, ...], code: int, told: str
) -> None:
    said = dialogue(tmp_path, INIT, *answers)
    assert (said.code, said.echoes) == (code, True), said.text
    assert told in said.text
    assert "Traceback" not in said.text
    assert said.text.endswith("\n"), "the shell's next prompt has a line of its own"
    assert not (tmp_path / "ca").exists()


def test_a_wrong_passphrase_is_one_sentence_and_the_right_one_works(tmp_path: Path) -> None:
    signer(tmp_path / "ca")
    words = ("pki", "crl", "--authority", "ca")
    wrong, right = dialogue(tmp_path, words, b"not this one\n"), dialogue(tmp_path, words, PASSPHRASE + b"\n")
    assert (wrong.code, right.code) == (3, 0)
    assert wrong.text.splitlines()[1:] == [f"virt-warden: the passphrase does not open {tmp_path}/ca/cakey.pem"]


@pytest.mark.parametrize("words", [("pki", "crl", "--authority", "ca"), ("pki", "dn", "-")])
def test_without_standard_input_there_is_a_sentence(tmp_path: Path, words: tuple[str, ...]) -> None:
    signer(tmp_path / "ca")
    argv = ("sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "virtwarden", *words)
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("virt-warden: ")
    assert done.stderr.count("\n") == 1


def test_a_complaint_that_nobody_can_read_still_has_its_exit_code(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        argv = (sys.executable, "-m", "virtwarden", "pki", "list", "--authority", "nowhere")
        assert subprocess.run(argv, cwd=tmp_path, stderr=full, check=False).returncode == 3


def test_a_question_that_is_not_answered_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from virtwarden.cli import main, sasl  # noqa: PLC0415

    def ended(_words: list[str]) -> int:
        raise EOFError

    monkeypatch.setattr(sasl, "run", ended)
    assert main(["sasl"]) == 3
