"""A report as one HTML page: it needs no network, and nothing that a host can name comes alive in it.

Every text is made visible and then escaped; the page's policy forbids whatever is not in its own style sheet
and script, which it names by their digests. Long lists are cut and say so: the complete record is the JSON.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from virtwarden.model import WORST_FIRST, Report, Severity
from virtwarden.report.digest import digest
from virtwarden.report.page import bars_by_chapter, bars_by_severity, chapter_view, places_of, segments
from virtwarden.report.phrases import RESULT_WORDS, moment, verdict
from virtwarden.report.visible import visible


def pieces(report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
    """The report as HTML text; explanations are folded into their controls."""
    whole = digest(report)
    style, script = _asset("report.css"), _asset("report.js")
    places = places_of(whole)
    yield from _template().generate(
        report=report,
        taken_at=moment(report.taken_at),
        verdict=verdict(whole),
        words=RESULT_WORDS,
        results=[(result, RESULT_WORDS[result], whole.counts[result]) for result in WORST_FIRST],
        ring=segments(whole.counts, whole.counts.total()),
        total=whole.counts.total(),
        by_chapter=bars_by_chapter(whole),
        by_severity=bars_by_severity(whole),
        chapters=(chapter_view(chapter, places, explanations or {}) for chapter in whole.chapters),
        chapter_titles=[(chapter.id, chapter.title) for chapter in whole.chapters],
        severities=list(Severity),
        names=list(places),
        style=Markup(style),  # noqa: S704  # our own files, not the host's words
        script=Markup(script),  # noqa: S704
        policy=f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'",
    )


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(
        loader=DictLoader({"page": _asset("report.html.j2")}),
        autoescape=True,
        finalize=_harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page")


def _harmless(value: object) -> object:
    """Whatever the template prints, made visible; the page's own style and script are Markup and stay."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _asset(name: str) -> str:
    return (files("virtwarden.report") / "templates" / name).read_text("utf-8")


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
