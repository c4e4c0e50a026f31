"""The page: it stands alone, nothing in it comes alive, it stays small, and it works in a real browser."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

from tests.report.browser import PROGRAM, Page, browser
from tests.report.conftest import Compare
from tests.report.made import HOSTILE, big, hostile, report
from tests.report.test_jsonreport import REPORTS
from virtwarden.model import HOST, Finding, Outcome, Report, Result, Severity
from virtwarden.report import FORMATS
from virtwarden.report.visible import visible

render = FORMATS["html"].render
WHY = {
    "vnc-requires-tls": "Keystrokes <b>in the clear</b>.\n\nJudged: by the XML.\n\nFix: TLS.\n\nProof: a probe."
}
ACTIVE = ("script", "iframe", "object", "embed", "img", "link", "base", "form", "input", "style", "meta", "a")


def _parsed(text: str) -> etree._Element:
    return etree.fromstring(text, etree.HTMLParser(huge_tree=True))


def _active(root: etree._Element) -> list[str]:
    """The elements that could do something, but for links within the page."""
    return [
        element.tag
        for element in root.iter(*ACTIVE)
        if element.tag != "a" or not (element.get("href") or "").startswith("#chapter-")
    ]


def _words(element: etree._Element) -> str:
    return " ".join(str(text) for text in element.itertext())


def test_it_is_as_it_was_when_last_looked_at(golden: Compare) -> None:
    golden("report.html", render(report(), WHY))


def test_it_loads_nothing() -> None:
    text = render(report(), WHY)
    outside = re.sub(r"virt-warden scan|https?://www\.w3\.org/\S+", "", text)
    assert not re.search(r"https?:|url\(|@import|\bsrc=", outside)
    assert [link.get("href") for link in _parsed(text).iter("link")] == []


def test_its_policy_allows_its_own_style_and_script_and_nothing_else() -> None:
    text = render(report())
    root = _parsed(text)
    policy = next(
        m.get("content") or "" for m in root.iter("meta") if m.get("http-equiv") == "Content-Security-Policy"
    )
    for tag in ("style", "script"):
        (element,) = root.iter(tag)
        digest = b64encode(sha256((element.text or "").encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_hostile_texts_bring_no_element_and_no_handler() -> None:
    ours, theirs = _parsed(render(report())), _parsed(render(hostile(), {"vnc-requires-tls": "".join(HOSTILE)}))
    kinds = [tag for tag in _active(theirs) if tag != "input"]
    assert sorted(kinds) == sorted(tag for tag in _active(ours) if tag != "input")
    for element in theirs.iter():
        assert not [name for name in element.attrib if str(name).lower().startswith("on") or name == "style"]


def test_hostile_texts_are_shown_as_text() -> None:
    words = _words(_parsed(render(hostile())))
    for text in (
        "<script>alert(1)</script>",
        "'\"><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }}{% raw %}",
        r"a\u202eb\u2066c",
    ):
        assert text in words
    assert visible(HOSTILE[0]) in words


@given(REPORTS)
@settings(max_examples=60, deadline=None)
def test_any_report_makes_a_page_that_shows_only_printable_text(made: Report) -> None:
    text = render(made)
    text.encode()
    assert text.replace("\n", "").isprintable()
    assert len(list(_parsed(text).iter("script"))) == 1


def test_every_control_is_there_with_its_fix_evidence_and_waiver() -> None:
    root = _parsed(render(report(), WHY))
    articles = {article.get("id") or "": _words(article) for article in root.iter("article")}
    assert set(articles) == {outcome.control for outcome in report().outcomes}
    assert "/etc/libvirt/qemu.conf: set vnc_tls = 1" in articles["vnc-requires-tls"]
    assert "/run/libvirt/qemu/web.xml:61" in articles["vnc-requires-tls"]
    assert "2026-03-01 12:00 UTC" in articles["vnc-requires-tls"]
    assert "Keystrokes <b>in the clear</b>." in articles["vnc-requires-tls"]
    assert "Judged: by the XML." in " ".join(articles["vnc-requires-tls"].split())
    assert "Waived until 2026-06-30 by storage team" in articles["images-private"]
    assert "ended on 2026-01-31 and excuses nothing" in articles["audit-rules-immutable"]


@pytest.mark.parametrize(("result", "opened"), [(Result.FAIL, True), (Result.UNKNOWN, True), (Result.PASS, False)])
def test_what_wants_a_look_is_open(result: Result, opened: bool) -> None:
    outcome = Outcome("c", "t", "tcb", Severity.LOW, (), (Finding(HOST, result, "m"),))
    article = next(_parsed(render(replace(report(), outcomes=(outcome,)))).iter("article"))
    assert (article.find("details").get("open") is not None) is opened  # type: ignore[union-attr]


def test_what_the_prose_quotes_is_set_as_code() -> None:
    (paragraph,) = _parsed(render(report(), {"vnc-requires-tls": "Fix: set `vnc_tls` to 1."})).iterfind(
        ".//article[@id='vnc-requires-tls']//details[@class='why']/p"
    )
    assert _words(paragraph).split() == ["Fix:", "set", "vnc_tls", "to", "1."]
    assert [code.text for code in paragraph.iter("code")] == ["vnc_tls"]


def test_findings_of_one_thing_in_the_same_words_are_said_once() -> None:
    same = Finding(HOST, Result.FAIL, "no audit=1")
    outcome = Outcome("c", "t", "tcb", Severity.LOW, (), (same, same, same))
    (subjects,) = _parsed(render(replace(report(), outcomes=(outcome,)))).iterfind(".//ul[@class='subjects']")
    assert [_words(item) for item in subjects.iter("li")] == ["host"]


def test_charts_add_up() -> None:
    root = _parsed(render(report()))
    for chart in root.iter("svg"):
        widths = [float(rect.get("width") or 0) for rect in chart.iter("rect")]
        assert sum(widths) <= 100.1
    ring = [float((circle.get("stroke-dasharray") or "0").split()[0]) for circle in root.iter("circle")]
    assert sum(ring) == pytest.approx(100 - 0.6 * len(ring), abs=0.1)


def test_an_empty_report_makes_a_page() -> None:
    assert "No control applies." in render(replace(report(), outcomes=()))


@pytest.fixture(scope="module")
def large() -> str:
    return render(big(2000, 80))


def test_two_thousand_guests_make_a_page_below_five_megabytes(large: str) -> None:
    assert len(large.encode()) < 5_000_000
    assert large.count("<article") == 80


def test_long_lists_say_what_they_leave_out(large: str) -> None:
    listed = large.count("which the JSON report lists")
    assert listed >= 80


def test_hostile_pages_stay_small() -> None:
    assert len(render(hostile()).encode()) < 1_000_000


needs_browser = pytest.mark.skipif(PROGRAM is None, reason="no Chromium is installed")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        yield opened


def _open(page: Page, folder: Path, text: str) -> None:
    path = folder / "page.html"
    path.write_text(text, "utf-8", newline="")
    page.complaints.clear()
    page.open(path)


def _filter(page: Page, set_up: str) -> list[object]:
    """What is shown after this was done to the filter: the counter's text, and the ids of the controls."""
    script = f"""(async () => {{
      const $ = (id) => document.getElementById(id);
      {set_up};
      $("filter").dispatchEvent(new Event("input"));
      await new Promise((done) => setTimeout(done, 300));
      return [$("shown").value, ...[...document.querySelectorAll(".control:not([hidden])")].map((c) => c.id)];
    }})()"""
    found = page.evaluate(script)
    assert isinstance(found, list)
    return found


@needs_browser
def test_a_browser_has_nothing_to_complain_of(page: Page, tmp_path: Path) -> None:
    for text in (render(report(), WHY), render(hostile(), {"vnc-requires-tls": "".join(HOSTILE)})):
        _open(page, tmp_path, text)
        assert page.evaluate("document.scripts.length") == 1
        assert page.complaints == []


@needs_browser
@pytest.mark.parametrize("width", [320, 380, 500, 800])
def test_nothing_is_wider_than_a_narrow_window(page: Page, tmp_path: Path, width: int) -> None:
    _open(page, tmp_path, render(report(), WHY))
    page.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    page.evaluate('document.getElementById("unfold").click()')
    beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    page.call("Emulation.clearDeviceMetricsOverride")
    assert beyond == 0


@needs_browser
def test_a_long_message_stands_beside_its_mark(page: Page, tmp_path: Path) -> None:
    outcome = Outcome("c", "t", "tcb", Severity.LOW, (), (Finding(HOST, Result.FAIL, "many words " * 40),))
    _open(page, tmp_path, render(replace(report(), outcomes=(outcome,))))
    tops = page.evaluate(
        '[...document.querySelector(".said").children].map((each) => Math.round(each.getBoundingClientRect().top))'
    )
    assert isinstance(tops, list)
    assert abs(tops[0] - tops[1]) < 8


@needs_browser
def test_a_script_of_somebody_else_would_not_run(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render(report()).replace("</main>", "<script>document.title = 'taken'</script></main>"))
    assert page.evaluate("document.title") != "taken"
    assert any("Content Security Policy" in complaint for complaint in page.complaints)


@needs_browser
def test_the_filter_and_the_search_narrow_the_page(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render(report()))
    assert _filter(page, "")[0] == "12 controls"
    assert _filter(page, '$("words").value = "ci-runner"')[1:] == ["interface-filtered"]
    assert _filter(page, '$("words").value = "VNC web"')[1:] == ["vnc-requires-tls"]
    assert _filter(page, '$("words").value = ""; $("severity").value = "low"') == [
        "2 of 12 controls", "image-format-stated", "audit-rules-immutable",
    ]  # fmt: skip
    assert _filter(page, '$("severity").value = ""; $("chapter").value = "tcb"')[0] == "3 of 12 controls"
    only_fail = (
        'document.querySelectorAll("[name=result]").forEach((box) => { box.checked = box.value === "fail"; })'
    )
    assert _filter(page, only_fail)[1:] == ["listeners-expected"]
    assert _filter(page, '$("words").value = "no such thing"') == ["0 of 12 controls"]
    assert page.evaluate('document.getElementById("none").hidden') is False


@needs_browser
def test_a_search_finds_guests_for_which_the_lists_have_no_room(page: Page, tmp_path: Path, large: str) -> None:
    _open(page, tmp_path, large)
    assert _filter(page, '$("words").value = "guest-1999"')[0] == "80 controls"
    assert "guest guest-1999" in str(page.evaluate('document.querySelector(".found").textContent'))
    assert _filter(page, '$("words").value = "guest-2000"')[0] == "0 of 80 controls"


@needs_browser
def test_the_theme_follows_the_system_until_it_is_chosen(page: Page, tmp_path: Path) -> None:
    _open(page, tmp_path, render(report()))
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    dark = page.evaluate(ground)
    assert dark != light
    page.evaluate('document.getElementById("theme").click()')
    assert page.evaluate(ground) == light
    page.evaluate('document.getElementById("theme").click()')
    assert page.evaluate(ground) == dark
    page.call("Emulation.setEmulatedMedia", features=[])


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(page: Page, tmp_path: Path, scheme: str) -> None:
    _open(page, tmp_path, render(report(), WHY))
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    poor = page.evaluate(_CONTRAST)
    page.call("Emulation.setEmulatedMedia", features=[])
    assert poor == []


_CONTRAST = """(() => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const element of document.querySelectorAll("body *")) {
    const words = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!words || element.closest("script, style, option")) continue;
    const [a, b] = [luminance(parse(getComputedStyle(element).color)), luminance(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${element.className || element.tagName}: ${ratio.toFixed(2)}`);
  }
  return [...new Set(poor)];
})()"""
