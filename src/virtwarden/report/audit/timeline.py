"""A guest's timeline for a terminal: bars, lanes and marks that need no colour, as wide as the terminal is.

A cell tells by its shade how much of its time is covered, so thousands of sessions are as readable as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from virtwarden.events.model import Ending, Session
from virtwarden.report.audit.chart import Chart, Track
from virtwarden.report.audit.clock import moment, ticks, took, zone_name
from virtwarden.report.audit.lanes import Lane, Mark, Span, What, covered
from virtwarden.report.audit.wording import BADLY, ENDINGS, ended_words
from virtwarden.report.layout import Charset, Style
from virtwarden.report.lines import Line, cornered, cut, hanging, line, printed
from virtwarden.report.phrases import count

_RESOURCES, _SESSIONS, _TOLD = 14, 20, 8


@dataclass(frozen=True, slots=True)
class _Signs:
    """The signs of a picture."""

    shades: str  # from a little to all of a cell
    thin: str
    began: str
    goes_on: str
    boot: str
    shutdown: str
    tick: str
    failure: str
    more: str
    times: str


_UNICODE = _Signs("░▒▓█", "━", "◂", "▸", "▲", "▼", "┊", "✗", "…", "×")  # noqa: RUF001  # a sign for times
_ASCII = _Signs(".:=#", "-", "<", ">", "^", "v", ":", "x", "~", "x")
_INKS = {
    What.DENIAL: "red", What.ANOMALY: "magenta", What.FAILURE: "yellow", What.BOOT: "green", What.SHUTDOWN: "yellow",
    What.SESSION: "cyan", What.AMOUNT: "blue", What.RESOURCE: "blue",
}  # fmt: skip


def render(chart: Chart, style: Style | None = None) -> str:
    """The timeline as text of this style."""
    style = style or Style()
    return printed(_Picture(chart, style).lines(), style)


def headline(chart: Chart) -> str:
    """What there is in the picture, in a sentence."""
    ran = [span for track in chart.tracks for lane in track.main for span in lane.spans]
    failed = sum(session.ending is Ending.NOT_STARTED for session in chart.sessions)
    told = [f"{count(len(ran), 'session')}, {took(chart.ran())} in all" if ran else "no session"]
    told += [count(failed, "failed start")] if failed else []
    bad = Counter(session.ending for session in chart.sessions if session.ending in BADLY)
    told += [f"{number:,} {ENDINGS[ending]}" for ending, number in bad.items() if ending is not Ending.NOT_STARTED]
    words = {What.DENIAL: "denial", What.ANOMALY: "anomaly", What.BOOT: "boot of the host"}
    for what, word in words.items():
        if number := len(chart.marks(what)):
            told.append(count(number, word) if what is not What.BOOT else _boots(number))
    return " · ".join(told)


def _boots(number: int) -> str:
    return f"{number:,} {'boot' if number == 1 else 'boots'} of the host"


def heading(chart: Chart, track: Track) -> str:
    """What a track is called where there are several."""
    name = "" if track.guest == chart.guest else track.guest
    return " · ".join(filter(None, (name, track.host, track.uuid)))


class _Picture:
    """Lays a chart out on lines of cells."""

    def __init__(self, chart: Chart, style: Style) -> None:
        self._chart, self._width = chart, style.width
        self._signs = _UNICODE if style.charset is Charset.UNICODE else _ASCII
        titles = [lane.title for track in chart.tracks for lane in (*track.main, *track.resources)]
        self._gutter = min(max((len(title) for title in titles), default=8), style.width // 4, 34) + 2
        self._cells = style.width - self._gutter
        self._marked = self._ticks()

    def lines(self) -> Iterator[Line]:
        """The head, the picture of each track, and what the numbers and marks in it stand for."""
        chart = self._chart
        hosts = list(dict.fromkeys(track.host for track in chart.tracks if track.host))
        where = f"{', '.join(hosts[:3])}{' and more' if len(hosts) > 3 else ''} · " if hosts else ""
        when = f"{moment(chart.start, chart.zone)} to {moment(chart.stop, chart.zone)}"
        right = line((f"{where}{when} {zone_name(chart.start, chart.zone)}", "dim"))
        yield from cornered(line((chart.guest, "bold")), right, self._width)
        yield from hanging(line(headline(chart)), self._width, 0)
        for track in chart.tracks:
            yield line()
            if len(chart.tracks) > 1:
                yield cut(line((heading(chart, track), "bold")), self._width)
            yield from self._axis()
            yield from self._track(track)
        yield from self._legend()
        yield from self._sessions()
        yield from self._told()

    def _ticks(self) -> dict[int, str]:
        chart = self._chart
        most = max(self._cells // 12, 1)
        return {self._cell(at): label for at, label in ticks(chart.start, chart.stop, most, chart.zone)}

    def _cell(self, millis: float) -> int:
        return min(int(self._chart.place(millis) * self._cells), self._cells - 1)

    def _edges(self, cell: int) -> tuple[float, float]:
        length = (self._chart.stop - self._chart.start) / self._cells
        return self._chart.start + cell * length, self._chart.start + (cell + 1) * length

    def _axis(self) -> Iterator[Line]:
        labels, rule = [" "] * self._cells, [" "] * self._cells
        for cell, label in self._marked.items():
            rule[cell] = self._signs.tick
            if cell + len(label) <= self._cells and "".join(labels[max(cell - 1, 0) :]).strip() == "":
                labels[cell : cell + len(label)] = label
        yield line(" " * self._gutter, ("".join(labels), "dim"))
        yield line(" " * self._gutter, ("".join(rule), "dim"))

    def _track(self, track: Track) -> Iterator[Line]:
        for lane in track.main:
            if lane.what is What.SESSION:
                yield self._lane(lane, self._bars(lane.spans), _INKS[What.SESSION])
                if numbers := self._numbers(lane.spans):
                    yield line(" " * self._gutter, (numbers, "dim"))
            else:
                yield self._lane(lane, {}, "")
        for lane in track.resources[:_RESOURCES]:
            cells = self._amounts(lane.spans) if lane.what is What.AMOUNT else self._bars(lane.spans)
            yield self._lane(lane, cells, _INKS[lane.what])
        if len(track.resources) > _RESOURCES:
            more = len(track.resources) - _RESOURCES
            yield line((f"and {count(more, 'more resource')}", "dim"))

    def _lane(self, lane: Lane, cells: dict[int, str], ink: str) -> Line:
        """A title, and cells with the marks over them."""
        title = (
            lane.title
            if len(lane.title) < self._gutter
            else _shortened(lane.title, self._gutter - 2, self._signs.more)
        )
        made = line(title.ljust(self._gutter))
        marks = self._marks(lane.marks)
        for cell in range(self._cells):
            if cell in marks:
                sign, what = marks[cell]
                made.append(sign, f"bold {_INKS[what]}")
            elif cell in cells:
                made.append(cells[cell], ink)
            else:
                made.append(self._signs.tick if cell in self._marked else " ", "dim")
        return made

    def _bars(self, spans: Sequence[Span]) -> dict[int, str]:
        """The cells that spans cover, each with the shade of how much."""
        cells: dict[int, list[Span]] = {}
        for span in spans:
            for cell in range(self._cell(span.start), self._cell(max(span.stop - 1, span.start)) + 1):
                cells.setdefault(cell, []).append(span)
        made = {cell: self._shade(found, cell) for cell, found in cells.items()}
        for span in spans:
            if span.cut:
                made[self._cell(span.start)] = self._signs.began
            if span.open:
                made[self._cell(span.stop)] = self._signs.goes_on
        return made

    def _shade(self, spans: Sequence[Span], cell: int) -> str:
        part = covered(spans, *self._edges(cell))
        a_third, two_thirds, most, all_ = tuple(self._signs.shades)
        return all_ if part > 0.97 else most if part > 0.67 else two_thirds if part > 0.34 else a_third

    def _amounts(self, spans: Sequence[Span]) -> dict[int, str]:
        """A thin line, with the value where it has room."""
        cells: dict[int, str] = {}
        for span in sorted(spans, key=lambda each: each.start):
            first, last = self._cell(span.start), self._cell(max(span.stop - 1, span.start))
            cells.update(dict.fromkeys(range(first, last + 1), self._signs.thin))
            label = f" {span.label} "
            if last - first >= len(label):
                cells.update(enumerate(label, first + 1))
        return cells

    def _numbers(self, spans: Sequence[Span]) -> str:
        """The sessions' numbers below their bars, those that have room."""
        row = [" "] * self._cells
        for span in spans:
            first, word = self._cell(span.start), str(span.number)
            if first + len(word) > self._cells:
                first = self._cells - len(word)
            if "".join(row[max(first - 1, 0) : first + len(word) + 1]).strip() == "":
                row[first : first + len(word)] = word
        return "".join(row).rstrip()

    def _marks(self, marks: Sequence[Mark]) -> dict[int, tuple[str, What]]:
        """The signs of marks by cell: the host's have their own, and a failure; else it is how many."""
        found: dict[int, Counter[What]] = {}
        for mark in marks:
            found.setdefault(self._cell(mark.at), Counter())[mark.what] += 1
        signs = {What.BOOT: self._signs.boot, What.SHUTDOWN: self._signs.shutdown}
        made = {}
        for cell, kinds in found.items():
            what = What.BOOT if What.BOOT in kinds else max(kinds, key=lambda kind: kinds[kind])
            number = kinds[what]
            alone = self._signs.failure if what is What.FAILURE and number == 1 else None
            made[cell] = signs.get(what) or alone or (str(number) if number < 10 else "+"), what
        return made

    def _legend(self) -> Iterator[Line]:
        """What the signs mean that are in the picture."""
        signs, said = self._signs, []
        spans = [
            span for track in self._chart.tracks for lane in (*track.main, *track.resources) for span in lane.spans
        ]
        if spans:
            said.append(f"{signs.shades} part of a column's time")
        said += [f"{signs.goes_on} goes on"] if any(span.open for span in spans) else []
        said += [f"{signs.began} began before"] if any(span.cut for span in spans) else []
        names = {What.BOOT: (signs.boot, "host booted"), What.SHUTDOWN: (signs.shutdown, "host shut down")}
        names[What.FAILURE] = signs.failure, "failed"
        said += [f"{sign} {words}" for what, (sign, words) in names.items() if self._chart.marks(what)]
        if self._chart.marks(What.DENIAL) or self._chart.marks(What.ANOMALY):
            said.append("1-9 how many, + more")
        if said:
            yield line()
            yield from (line((each, "dim")) for each in _packed(said, self._width))

    def _sessions(self) -> Iterator[Line]:
        sessions = self._chart.sessions
        if not sessions:
            return
        shown = sessions if len(sessions) <= _SESSIONS else [each for each in sessions if each.ending in BADLY]
        yield line()
        if len(shown) < len(sessions):
            yield line((f"of {count(len(sessions), 'session')}, those that ended badly", "dim"))
        numbers = {session.id: number for number, session in enumerate(sessions, 1)}
        for session in shown[:_SESSIONS]:
            yield from self._session(numbers[session.id], session, len(str(len(sessions))))
        if rest := len(sessions) - min(len(shown), _SESSIONS):
            yield from hanging(
                line((f"and {count(rest, 'more session')}, which virt-warden audit sessions lists", "dim")),
                self._width, 2,
            )  # fmt: skip

    def _session(self, number: int, session: Session, digits: int) -> Iterator[Line]:
        zone = self._chart.zone
        began = moment(session.started, zone) if session.started is not None else "?".ljust(19)
        ended = moment(session.ended, zone) if session.ended is not None else "".ljust(19)
        if session.ending is Ending.NOT_STARTED:
            ended = "".ljust(19)
        long = took(session.ended - session.started) if ended.strip() and session.ended and session.started else ""
        words = line(
            f"{self._chart.began(session)}, ", (ended_words(session), "red" if session.ending in BADLY else "")
        )
        first = f"{number:>{digits + 2}}  {began}  {ended}  {long:<11} "
        if self._width < len(first) + 30:
            first = f"{number:>{digits + 2}}  {began}  {long:<11} "
        yield from hanging(words, self._width, 0, first)

    def _told(self) -> Iterator[Line]:
        """Denials, anomalies and failures in words, in the order of their last times; if there are too many, the most
        frequent ones."""
        for what in (What.DENIAL, What.ANOMALY, What.FAILURE):
            marks = self._chart.marks(what)
            if what is What.FAILURE:  # those of sessions are told with the sessions
                marks = [mark for mark in marks if mark.title.startswith("failed")]
            alike = Counter(mark.words for mark in marks)
            if not alike:
                continue
            yield line()
            last_of = {mark.words: mark.at for mark in sorted(marks, key=lambda each: each.at)}
            for words, number in sorted(alike.most_common(_TOLD), key=lambda each: last_of[each[0]]):
                times = f"{number:>5,} {self._signs.times} " if number > 1 else " " * 8
                first = f"  {moment(last_of[words], self._chart.zone)} {times}"
                yield from hanging(line((words, _INKS[what])), self._width, 0, first)
            if len(alike) > _TOLD:
                yield line((f"  and {count(len(alike) - _TOLD, 'more kind')}", "dim"))


def _packed(parts: Sequence[str], width: int) -> Iterator[str]:
    """Parts on as few lines as hold them, none of them torn apart."""
    row = ""
    for part in parts:
        if row and len(row) + len(part) + 3 > width:
            yield row
            row = ""
        row = f"{row}   {part}" if row else part
    yield row


def _shortened(title: str, room: int, more: str) -> str:
    """A title that keeps its end, by which paths and addresses differ."""
    kind, _, value = title.partition(" ")
    left = room - len(kind) - 2
    if not value or left < 6:
        return title[: room - 1] + more
    return f"{kind} {more}{value[-left:]}"
