"""The parts of a timeline: lanes with spans and marks along time, in milliseconds since 1970.

Texts in them are made visible already.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import Enum


class What(Enum):
    """What a mark or a lane stands for."""

    HOST = "host"
    SESSION = "session"
    RESOURCE = "resource"
    AMOUNT = "amount"
    DENIAL = "denial"
    ANOMALY = "anomaly"
    FAILURE = "failure"
    BOOT = "boot"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` to `stop`: `cut` says that it began before, `open` that it goes on. `number` is a session's."""

    start: int
    stop: int
    label: str
    title: str
    number: int = 0
    cut: bool = False
    open: bool = False
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened at one time; `host` is where, if it needs to be said."""

    at: int
    what: What
    title: str
    host: str = ""

    @property
    def words(self) -> str:
        """What happened, behind its host, on one line and without its time."""
        first = self.title.split("\n", 1)[0]
        return f"{self.host}: {first}" if self.host else first


@dataclass(slots=True)
class Lane:
    """One line of the picture."""

    title: str
    what: What
    spans: list[Span] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)


def together(spans: Sequence[Span], least: float) -> Iterator[list[Span]]:
    """Spans by groups that are to be drawn as one: short ones that lie closer than `least` milliseconds."""
    group: list[Span] = []
    end, short = 0, False
    for span in sorted(spans, key=lambda each: each.start):
        is_short = span.stop - span.start < 3 * least
        if group and span.start - end < least and (short or is_short):
            group.append(span)
        else:
            if group:
                yield group
            group = [span]
        end, short = max(end, span.stop) if len(group) > 1 else span.stop, is_short
    if group:
        yield group


def clusters(marks: Sequence[Mark], least: float) -> Iterator[list[Mark]]:
    """Marks of one kind by groups of those that lie closer than `least` milliseconds to the group's first."""
    open_: dict[What, list[Mark]] = {}
    for mark in sorted(marks, key=lambda each: each.at):
        group = open_.get(mark.what)
        if group and mark.at - group[0].at < least:
            group.append(mark)
            continue
        if group:
            yield group
        open_[mark.what] = [mark]
    yield from open_.values()


def covered(spans: Sequence[Span], start: float, stop: float) -> float:
    """Which part of a stretch of time is covered by spans that do not overlap, from 0 to 1."""
    if stop <= start:
        return 0.0
    total = sum(max(0.0, min(span.stop, stop) - max(span.start, start)) for span in spans)
    return min(total / (stop - start), 1.0)
