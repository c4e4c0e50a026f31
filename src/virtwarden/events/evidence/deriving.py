"""The answer as it follows from logs: the library's sessions and events, chosen by what was asked."""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.events.evidence.answer import Answer, Criteria, choose
from virtwarden.events.logs import Log
from virtwarden.events.model import Event, Session, Skipped


def derived(logs: list[Log], criteria: Criteria, skipped: Skipped) -> Answer:
    """What these logs answer; what could not be used of them is counted once. Raises `LogError`."""
    from virtwarden.events.both import told  # noqa: PLC0415  # whose door imports much

    last = Skipped()

    def sessions() -> Iterator[Session]:
        return (each for each in told(logs, Skipped()) if isinstance(each, Session))

    def events() -> Iterator[Event]:
        nonlocal last
        last = Skipped()
        return (each for each in told(logs, last) if isinstance(each, Event))

    answer = choose(criteria, sessions, events)
    for name in Skipped.__struct_fields__:
        setattr(skipped, name, getattr(last, name))
    return answer
