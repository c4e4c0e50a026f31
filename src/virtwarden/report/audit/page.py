"""A guest's timeline as a page: the picture, and its sessions and whatever was denied, odd or failed in words below.

The page stands alone; its policy forbids whatever is not in its own style sheet, which it names by its digest.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256

from markupsafe import Markup

from virtwarden import __version__
from virtwarden.events.model import Ending
from virtwarden.report.audit.chart import Chart
from virtwarden.report.audit.clock import moment, took
from virtwarden.report.audit.drawing import LEFT, asset, drawn, environment, legend, when
from virtwarden.report.audit.lanes import What
from virtwarden.report.audit.timeline import headline
from virtwarden.report.audit.wording import BADLY, ended_words

_SESSIONS, _TOLD = 400, 200


def pieces(chart: Chart) -> Iterator[str]:
    """The timeline as a page, with its sessions and whatever was denied, failed or odd in words below."""
    style = asset("timeline.css")
    css = Markup(style)  # noqa: S704  # our own file, not the log's words
    yield from environment().get_template("timeline.html.j2").generate(
        chart=chart, picture=drawn(chart, 8), headline=headline(chart), when=when(chart), style=css, alone=False,
        left=LEFT, version=__version__, legend=legend(chart), sessions=list(_rows(chart)), told=_told(chart),
        policy=f"default-src 'none'; style-src '{_digest(style)}'; base-uri 'none'; form-action 'none'",
    )  # fmt: skip


def _rows(chart: Chart) -> Iterator[tuple[int, str, str, str, str, str]]:
    for number, session in enumerate(chart.sessions[:_SESSIONS], 1):
        began = moment(session.started, chart.zone) if session.started is not None else "before the log begins"
        ended = moment(session.ended, chart.zone) if session.ended is not None else ""
        failed = session.ending is Ending.NOT_STARTED
        known = session.ended is not None and session.started is not None and not failed
        long = took((session.ended or 0) - (session.started or 0)) if known else ""
        ended = "" if failed else ended
        kind = "bad" if session.ending in BADLY else ""
        yield number, began, ended, long, f"{chart.began(session)}, {ended_words(session)}", kind


def _told(chart: Chart) -> list[tuple[str, int, str, str]]:
    """What was denied, odd or failed: its kind, how often, the last time, and the words; in the order of those times,
    and the most frequent ones if there are too many."""
    told = []
    for what in (What.DENIAL, What.ANOMALY, What.FAILURE):
        marks = chart.marks(what)
        alike = Counter(mark.words for mark in marks)
        last = {mark.words: mark.at for mark in sorted(marks, key=lambda each: each.at)}
        kept = sorted(alike.most_common(_TOLD), key=lambda each: last[each[0]])
        told += [(what.value, number, moment(last[said], chart.zone), said) for said, number in kept]
    return told


def _digest(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
