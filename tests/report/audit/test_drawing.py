"""The timeline as a picture: it stands alone, nothing in it comes alive, and a real browser shows it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from lxml import etree

from tests.events.made import Guest, Made
from tests.report.audit.lives import busy, charted, day
from tests.report.browser import PROGRAM, browser
from virtwarden.report.audit.drawing import drawn, svg
from virtwarden.report.audit.page import pieces

_SVG = "{http://www.w3.org/2000/svg}"


def _page(log: Made, guest: Guest | None = None) -> str:
    return "".join(pieces(charted(log, guest) if guest else charted(log)))


def _titles(text: str) -> list[str]:
    return [title.text or "" for title in etree.fromstring(text.encode()).iter(f"{_SVG}title")]


def test_the_svg_is_well_formed_and_says_what_each_thing_is() -> None:
    titles = _titles(svg(charted(day())))
    assert any(title.startswith("session 1: booted by alice, crashed") for title in titles)
    assert any("denied: qemu-kvm read file /etc/shadow" in title for title in titles)
    assert any(title.startswith("the host was down for 5 min") for title in titles)
    assert any(title.startswith("memory 2 GiB") for title in titles)
    assert any(title.startswith("failed: disk /srv/none.img") for title in titles)


def test_it_loads_nothing_and_runs_nothing() -> None:
    for text in (svg(charted(day())), _page(day())):
        outside = re.sub(r'xmlns="http://www\.w3\.org/\S+"', "", text)
        assert not re.search(r"https?:|url\(|@import|\bsrc=|<script|\bon\w+=|<foreignObject|<image|xlink", outside)


def test_the_page_s_policy_allows_its_own_style_and_nothing_else() -> None:
    text = _page(day())
    style = text[text.index("<style>") + 7 : text.index("</style>")]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src &#39;none&#39;; style-src &#39;sha256-{digest}&#39;" in text


def test_what_a_log_can_name_does_not_come_alive() -> None:
    evil = Guest("<script>alert(1)</script>\"'>&\x1b\u202e", disks=["/srv/<img src=x onerror=alert(1)>.img"])
    log = Made()
    log.start(evil)
    log.denied(evil, "/etc/</title></svg><script>alert(2)</script>")
    log.wait(60)
    log.stop(evil)
    picture = svg(charted(log, evil))
    etree.fromstring(picture.encode())
    for text in (picture, _page(log, evil)):
        assert "<script" not in text
        assert "<img" not in text
        assert "\x1b" not in text
        assert "\u202e" not in text


def test_everything_lies_within_the_picture() -> None:
    for log in (day(), busy(300)):
        picture = drawn(charted(log), 8)
        assert all(box.x >= 0 and box.x + box.width <= picture.width for box in picture.boxes)
        assert all(box.y >= 0 and box.y + box.height <= picture.height for box in picture.boxes)
        assert all(0 <= sign.x <= picture.width and sign.y <= picture.height for sign in picture.signs)


def test_marks_that_would_cover_each_other_are_one() -> None:
    signs = [sign for sign in drawn(charted(busy(2000)), 8).signs if sign.kind == "denial"]
    places = sorted(sign.x for sign in signs)
    assert all(right - left > 20 for left, right in pairwise(places))
    assert sum(sign.number for sign in signs) == 286


def test_thousands_of_sessions_are_drawn_as_how_much_of_the_time_they_took() -> None:
    text = svg(charted(busy(2000)))
    assert len(text) < 600_000
    assert any(
        title.startswith("2,000 sessions, 40 of them ended badly, 67% of the time") for title in _titles(text)
    )


@pytest.mark.skipif(PROGRAM is None, reason="there is no chromium")
def test_a_real_browser_shows_it_without_complaint(tmp_path: Path) -> None:
    page, picture = tmp_path / "timeline.html", tmp_path / "timeline.svg"
    page.write_text(_page(day()), encoding="utf-8")
    picture.write_text(svg(charted(day())), encoding="utf-8")
    with browser() as tab:
        tab.open(page)
        assert tab.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "700"
        assert tab.evaluate("document.querySelectorAll('.picture > svg g.session').length") == 3
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth") is True
        tab.open(picture)
        assert tab.evaluate("document.querySelectorAll('g.session .bar').length >= 3") is True
        outside = [told for told in tab.complaints if "favicon" not in told]
        assert outside == []
