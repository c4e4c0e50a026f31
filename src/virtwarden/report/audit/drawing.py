"""A guest's timeline as a picture. It needs no network and runs no script.

Whatever lies closer than can be seen is drawn as one, with its number, and named when the pointer rests on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING

from markupsafe import Markup

from virtwarden import __version__
from virtwarden.report.audit.chart import Chart, Track
from virtwarden.report.audit.clock import moment, ticks, took, zone_name
from virtwarden.report.audit.lanes import Lane, Mark, Span, What, clusters, covered, together
from virtwarden.report.audit.timeline import heading, headline
from virtwarden.report.phrases import count
from virtwarden.report.visible import clipped, visible

if TYPE_CHECKING:
    from jinja2 import Environment

_WIDTH, LEFT, _RIGHT = 1180, 216, 18
_PLOT = _WIDTH - LEFT - _RIGHT
_COLUMN = 3
_LETTER = 6.7  # the usual width of one, in the size that labels have
_RESOURCES, _NAMED = 30, 12
_HEIGHTS = {What.HOST: 26, What.SESSION: 42, What.FAILURE: 26, What.DENIAL: 26, What.ANOMALY: 26}
_RESOURCE, _HEADING, _AXIS = 22, 30, 34


@dataclass(frozen=True, slots=True)
class Box:
    """A bar; `path` is its outline where it is no plain rectangle."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    title: str
    label: str = ""
    number: str = ""
    opacity: float = 1.0
    path: str = ""


@dataclass(frozen=True, slots=True)
class Sign:
    """A mark, or several that lie together."""

    x: float
    y: float
    kind: str
    title: str
    number: int = 1


@dataclass(slots=True)
class Picture:
    """All that is drawn, where it is drawn; `rules` are vertical lines from top to bottom."""

    width: int
    height: float = 0
    titles: list[tuple[float, str, str, str]] = field(default_factory=list)  # y, kind, text, the whole text
    axes: list[tuple[float, str]] = field(default_factory=list)
    rules: list[tuple[float, float, float, str]] = field(default_factory=list)  # x, y, y, kind
    boxes: list[Box] = field(default_factory=list)
    signs: list[Sign] = field(default_factory=list)
    top: float = 0


def svg(chart: Chart) -> str:
    """The timeline as a file of its own."""
    picture = drawn(chart, 96)
    templates = environment()
    style = Markup(asset("timeline.css"))  # noqa: S704  # our own file, not the log's words
    return templates.get_template("timeline.svg.j2").render(
        chart=chart, picture=picture, headline=headline(chart), when=when(chart), style=style,
        alone=True, left=LEFT, version=__version__, legend=legend(chart),
    ) + "\n"  # fmt: skip


def drawn(chart: Chart, top: float) -> Picture:
    """Where everything is; the picture begins `top` pixels down."""
    picture = Picture(_WIDTH, top=top)
    y = top + _AXIS
    picture.axes = [(_x(chart, at), label) for at, label in ticks(chart.start, chart.stop, 10, chart.zone)]
    for track in chart.tracks:
        y = _track(chart, track, picture, y)
    picture.height = y + 12
    picture.rules[:0] = [(x, top + _AXIS - 6, picture.height - 12, "grid") for x, _ in picture.axes]
    return picture


def _track(chart: Chart, track: Track, picture: Picture, y: float) -> float:
    if len(chart.tracks) > 1:
        name = heading(chart, track)
        picture.titles.append((y + 17, "place", name, name))
        y += _HEADING
    top = y
    for lane in track.main:
        y = _lane(chart, lane, picture, y, _HEIGHTS[lane.what])
    y += 8 if track.resources else 0
    for lane in track.resources[:_RESOURCES]:
        y = _lane(chart, lane, picture, y, _RESOURCE)
    if len(track.resources) > _RESOURCES:
        more = f"and {count(len(track.resources) - _RESOURCES, 'more resource')}"
        picture.titles.append((y + 15, "more", more, more))
        y += _RESOURCE
    for lane in track.main:
        kinds = ((mark, "shutdown" if mark.what is What.SHUTDOWN else "boot") for mark in lane.marks)
        if lane.what is What.HOST:
            picture.rules += [(_x(chart, mark.at), top, y, kind) for mark, kind in kinds]
    return y + 14


def _lane(chart: Chart, lane: Lane, picture: Picture, y: float, height: float) -> float:
    picture.titles.append((y + height / 2 + 4.5, "lane", _shortened(lane.title, 26), lane.title))
    inset = {What.SESSION: 5, What.AMOUNT: 3}.get(lane.what, 6)
    least = 2.5 * (chart.stop - chart.start) / _PLOT
    for group in together(lane.spans, least):
        picture.boxes.append(_box(chart, lane, group, y + inset, height - 2 * inset))
    if lane.what is What.HOST:
        picture.boxes += _downtimes(chart, lane, y + inset, height - 2 * inset)
    for cluster in clusters(lane.marks, least * 11):
        picture.signs.append(_sign(chart, cluster, y + height / 2))
    return y + height


def _box(chart: Chart, lane: Lane, group: Sequence[Span], y: float, height: float) -> Box:
    first, last = group[0], max(group, key=lambda span: span.stop)
    x, end = _x(chart, first.start), _x(chart, last.stop)
    width = max(end - x, 1.5)
    kind = f"{lane.what.value}{' bad' if any(span.bad for span in group) else ''}"
    if len(group) > 1:
        part = covered(group, first.start, last.stop)
        bad = sum(span.bad for span in group)
        what = count(len(group), "session" if lane.what is What.SESSION else "time")
        title = f"{what}{f', {bad} of them ended badly' if bad else ''}, {part:.0%} of the time"
        when = f"{moment(first.start, chart.zone)} to {moment(last.stop, chart.zone)}"
        profile = _profile(chart, group, y, height) if lane.what is What.SESSION and width > _COLUMN * 4 else ""
        opacity = 1.0 if profile else 0.35 + 0.65 * part
        return Box(x, y, width, height, f"{kind} many", f"{title}\n{when}", opacity=opacity, path=profile)
    number = str(first.number) if lane.what is What.SESSION else ""
    words = {What.SESSION: (first.label, first.label.partition(",")[0]), What.AMOUNT: (first.label,)}
    room = width - (len(number) + 1) * _LETTER if number else width
    label = _fitting(room, *words.get(lane.what, ()))
    outline = _outline(x, y, width, height, first) if lane.what is What.SESSION else ""
    return Box(x, y, width, height, kind, first.title, label, _fitting(width, number), path=outline)


def _profile(chart: Chart, group: Sequence[Span], y: float, height: float) -> str:
    """The outline of how much of the time was covered, column by column."""
    first, last = group[0].start, max(span.stop for span in group)
    length = _COLUMN * (chart.stop - chart.start) / _PLOT
    columns = max(round((last - first) / length), 1)
    filled = [0.0] * columns
    for span in group:
        begin, end = (min(max((time - first) / length, 0.0), columns) for time in (span.start, span.stop))
        for column in range(int(begin), min(int(end) + 1, columns)):
            filled[column] += max(min(end, column + 1) - max(begin, column), 0.0)
    x, bottom = _x(chart, first), y + height
    steps = [f"V{bottom - max(min(part, 1.0) * height, 0.8):.1f}h{_COLUMN}" for part in filled]
    return f"M{x:.1f} {bottom:.1f}{''.join(steps)}V{bottom:.1f}Z"


def _outline(x: float, y: float, width: float, height: float, span: Span) -> str:
    """A bar that points to where it goes on, and has a notch where it came from."""
    tip = min(9.0, width / 2)
    if not (span.open or span.cut) or width < 3:
        return ""
    right, bottom, middle = x + width, y + height, y + height / 2
    begin = f"M{x:.1f} {y:.1f}"
    ahead = f"H{right - tip:.1f}L{right:.1f} {middle:.1f}L{right - tip:.1f} {bottom:.1f}"
    square = f"H{right:.1f}V{bottom:.1f}"
    back = f"H{x:.1f}L{x + tip:.1f} {middle:.1f}Z" if span.cut else f"H{x:.1f}Z"
    return begin + (ahead if span.open else square) + back


def _downtimes(chart: Chart, lane: Lane, y: float, height: float) -> Iterator[Box]:
    """From each shutdown to the boot that follows."""
    down: Mark | None = None
    for mark in sorted(lane.marks, key=lambda each: each.at):
        if mark.what is What.SHUTDOWN:
            down = down or mark
        elif down is not None:
            x, end = _x(chart, down.at), _x(chart, mark.at)
            title = f"the host was down for {took(mark.at - down.at)}"
            yield Box(x, y, max(end - x, 1.0), height, "down", title)
            down = None


def _sign(chart: Chart, cluster: Sequence[Mark], y: float) -> Sign:
    x = _x(chart, cluster[0].at)
    alike = Counter(mark.title.split("\n", 1)[0] for mark in cluster)
    if len(cluster) == 1:
        return Sign(x, y, cluster[0].what.value, cluster[0].title)
    lines = [f"{number} times {words}" if number > 1 else words for words, number in alike.most_common(_NAMED)]
    lines += [f"and {count(len(alike) - _NAMED, 'more kind')}"] if len(alike) > _NAMED else []
    lines.append(f"{moment(cluster[0].at, chart.zone)} to {moment(cluster[-1].at, chart.zone)}")
    return Sign(x, y, cluster[0].what.value, "\n".join(lines), len(cluster))


def _x(chart: Chart, millis: float) -> float:
    return round(LEFT + chart.place(millis) * _PLOT, 1)


def _fitting(width: float, *labels: str) -> str:
    """The first of some labels that a bar of this width has room for."""
    return next((label for label in labels if label and len(label) * _LETTER + 14 <= width), "")


def _shortened(title: str, room: int) -> str:
    if len(title) <= room:
        return title
    kind, _, value = title.partition(" ")
    left = room - len(kind) - 2
    return f"{kind} …{value[-left:]}" if value and left > 6 else clipped(title, room)


def when(chart: Chart) -> str:
    """The hosts, the guest's uuid where there is one, and the time that the picture shows."""
    hosts = list(dict.fromkeys(track.host for track in chart.tracks if track.host))
    where = [", ".join(hosts[:3]) + (f" and {len(hosts) - 3} more" if len(hosts) > 3 else "")] if hosts else []
    uuids = list(dict.fromkeys(track.uuid for track in chart.tracks if track.uuid))
    when = f"{moment(chart.start, chart.zone)} to {moment(chart.stop, chart.zone)}"
    return " · ".join(
        [*where, *uuids[: 1 if len(uuids) == 1 else 0], f"{when} {zone_name(chart.start, chart.zone)}"]
    )


def legend(chart: Chart) -> list[tuple[float, str, str]]:
    """The kinds that are in the picture, with their words and how far from the left they stand."""
    lanes = [lane for track in chart.tracks for lane in (*track.main, *track.resources)]
    kinds = {mark.what.value for lane in lanes for mark in lane.marks}
    sessions = [span for lane in lanes if lane.what is What.SESSION for span in lane.spans]
    kinds |= {"session"} if sessions else set()
    kinds |= {"session bad"} if any(span.bad for span in sessions) else set()
    placed, x = [], 0.0
    for kind, words in _WORDS.items():
        if kind in kinds:
            placed.append((x, kind, words))
            x += 46 + len(words) * _LETTER
    return placed


_WORDS = {
    "session": "session", "session bad": "ended badly", "denial": "denied", "anomaly": "anomaly",
    "failure": "failed", "boot": "host booted", "shutdown": "host shut down",
}  # fmt: skip


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates; every text that they print is made visible and escaped."""
    from jinja2 import DictLoader, Environment, StrictUndefined  # noqa: PLC0415

    def harmless(value: object) -> object:
        return _lines_visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    names = ("timeline.svg.j2", "timeline.html.j2", "timeline.drawing.j2")
    return Environment(
        loader=DictLoader({name: asset(name) for name in names}),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _lines_visible(text: str) -> str:
    return "\n".join(visible(line) for line in text.split("\n"))


def asset(name: str) -> str:
    """One of the files that pictures and pages are made of."""
    return (files("virtwarden.report") / "templates" / name).read_text("utf-8")
