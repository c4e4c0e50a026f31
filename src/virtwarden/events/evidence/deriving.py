"""The answer as it follows from logs: the library's sessions and events, chosen by what was asked."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator

from virtwarden.events.blocks import BLOCK
from virtwarden.events.evidence.answer import OF_THE_HOST, Answer, Criteria, choose, proof
from virtwarden.events.logs import Log
from virtwarden.events.marks import GUESTS, LIVES
from virtwarden.events.model import Event, EventId, Session, Skipped
from virtwarden.events.reading import told_by


def derived(logs: list[Log], criteria: Criteria, skipped: Skipped, most: int = sys.maxsize) -> Answer:
    """What these logs answer; what could not be used of them is counted once. Raises `LogError`, and `TooMany` where it
    is more than `most` sessions or events."""
    last = Skipped()

    def sessions() -> Iterator[Session]:
        told = told_by(logs, LIVES, Skipped(), BLOCK)
        return (each for each in told if isinstance(each, Session))

    def events() -> Iterator[Event]:
        nonlocal last
        last = Skipped()
        told = told_by(logs, GUESTS, last, BLOCK)
        return (each for each in told if isinstance(each, Event))

    answer = choose(criteria, sessions, events, most)
    for name in Skipped.__struct_fields__:
        setattr(skipped, name, getattr(last, name))
    return answer


def surroundings(
    logs: list[Log], hosts: Collection[str], uuids: Collection[str] | None
) -> set[tuple[str, EventId]]:
    """The hosts and ids of all records about these guests (None: about every guest) and their hosts, at any time."""
    found: set[tuple[str, EventId]] = set()
    for each in told_by(logs, GUESTS, Skipped(), BLOCK):
        if each.host not in hosts:
            continue
        of_host = isinstance(each, Event) and each.kind in OF_THE_HOST
        if uuids is None or of_host or each.uuid in uuids:
            found |= proof([each])
    return found
