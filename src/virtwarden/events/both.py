"""Sessions and events in one pass over logs, so that standard input serves for both."""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.events import _events, _Host
from virtwarden.events.blocks import BLOCK
from virtwarden.events.logs import Log
from virtwarden.events.marks import GUESTS
from virtwarden.events.model import Event, Session, Skipped


def told(logs: list[Log], skipped: Skipped, block: int = BLOCK) -> Iterator[Event | Session]:
    """Every event, and each session once it is over; those that still run come last. Raises `LogError`."""
    hosts: dict[str, _Host] = {}
    for host, event in _events(logs, hosts, GUESTS, skipped, block):
        yield from host.tracker.closed
        host.tracker.closed.clear()
        if event is not None:
            yield event
    for host in hosts.values():
        yield from host.tracker.closed
