"""The generated pages are those that would be made now, and links lead somewhere."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from tools.reference import stale
from virtwarden.cli import main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")


def test_no_generated_page_is_stale() -> None:
    assert stale() == [], "run make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = [match[1] for match in LINK.finditer(page.read_text("utf-8"))]
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def test_the_readme_shows_a_finding_as_the_demos_host_gives_it(capsys: pytest.CaptureFixture[str]) -> None:
    recording = str(files("virtwarden.demo") / "host.jsonl.gz")
    main(["scan", "--snapshot", recording, "--control", "vnc-requires-tls"])
    (example,) = re.findall(r"```\n(  ✗ .*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert example in capsys.readouterr().out
