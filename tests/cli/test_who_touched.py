"""The how-to "Who touched this guest?", followed line by line on the log that ships, and that log itself."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.events.sample import SHIPPED, sample

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "howto" / "who-touched-this-guest.md").read_text("utf-8")
BLOCK = re.compile(r"^```(output)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_shipped_log_is_the_one_that_is_made() -> None:
    assert SHIPPED.read_bytes() == sample().data, "python -m tests.events.sample writes it anew"


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_every_command_does_what_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "src" / "virtwarden").mkdir(parents=True)
    (tmp_path / "src" / "virtwarden" / "demo").symlink_to(SHIPPED.parent)
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "virt-warden").write_text(f'#!/bin/sh\nexec {sys.executable} -m virtwarden "$@"\n')
    (programs / "virt-warden").chmod(0o755)
    environment = {**os.environ, "TZ": "UTC", "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONUTF8": "1"}
    said, previous, checked = "", "", 0
    for kind, text in BLOCK.findall(PAGE):
        if kind:
            assert text.strip("\n") in said
            if previous.startswith("virt-warden audit events"):
                assert text == said, "the list is not whole"
            checked += 1
            continue
        done = subprocess.run(
            ["sh", "-ec", text], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert not done.returncode, f"{text}\n{done.stderr}"
        said, previous = done.stdout + done.stderr, text
    assert checked == 8
