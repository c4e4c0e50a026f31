"""What happened, counted by host and guest, as text and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo

import msgspec
from rich.cells import cell_len

from virtwarden.events.model import Ending
from virtwarden.report.audit.clock import moment, took, zone_name
from virtwarden.report.audit.counts import Counts, GuestCounts, HostCounts
from virtwarden.report.audit.told import iso
from virtwarden.report.audit.wording import ENDINGS
from virtwarden.report.layout import Style
from virtwarden.report.lines import Line, cut, line, printed
from virtwarden.report.phrases import count
from virtwarden.report.visible import shown, without_surrogates

_GUESTS = 50
_NAME = 28
Column = tuple[str, Callable[[GuestCounts], str], str]


def render(counts: Counts, style: Style, zone: tzinfo | None) -> str:
    """The counts as text of this style."""
    return printed(_lines(counts, style, zone), style)


def _lines(counts: Counts, style: Style, zone: tzinfo | None) -> Iterator[Line]:
    hosts = sorted(counts.hosts.values(), key=lambda each: each.host)
    if counts.start is None or counts.stop is None or not hosts:
        yield line("the logs tell nothing of guests")
        return
    when = f"{moment(counts.start, zone)} to {moment(counts.stop, zone)} {zone_name(counts.start, zone)}"
    yield line((when, "bold"), f"  {took(counts.stop - counts.start)}")
    for host in hosts:
        yield line()
        if len(hosts) > 1 or host.host:
            yield line((shown(host.host, 80) or "(a host without a name)", "bold"))
        yield from _totals(host)
        yield from _guests(list(host.guests.values()), style.width, zone)


def _totals(host: HostCounts) -> Iterator[Line]:
    running = host.total("running")
    rows = (
        ("guests", len(host.guests), ""),
        ("sessions", host.total("sessions"), f"{running:,} still running" if running else ""),
        ("starts", host.starts, ""),
        ("stops", host.stops, ""),
        ("failed starts", host.total("failed_starts"), ""),
        ("failed operations", host.failed, ""),
        ("resource assignments", host.resources, ""),
        ("denials", host.total("denials"), f"{host.strangers:,} more concern no guest" if host.strangers else ""),
        ("anomalies", host.total("anomalies"), ""),
        ("host boots", host.boots, ""),
        ("host shutdowns", host.shutdowns, ""),
    )
    for name, number, more in rows:
        yield line(f"  {name:<22}{number:>9,}", (f"   {more}" if more else "", "dim"))


def _guests(guests: Sequence[GuestCounts], width: int, zone: tzinfo | None) -> Iterator[Line]:
    """A table, those that ran longest first, with as many columns as there is room for."""
    if not guests:
        return
    rows = sorted(guests, key=lambda each: (-each.ran, each.guest, each.uuid))
    columns = _columns(zone)
    cells = [[title, *(words(guest) for guest in rows[:_GUESTS])] for title, words, _ in columns]
    widths = [max(map(cell_len, column)) for column in cells]
    for title in _DISPENSABLE:
        if sum(widths) + 2 * len(widths) > width:
            place = next(number for number, column in enumerate(columns) if column[0] == title)
            del columns[place], cells[place], widths[place]
    yield line()
    for number, row in enumerate(zip(*cells, strict=True)):
        padded = [_padded(*cell) for cell in zip(row, widths, (side for *_, side in columns), strict=True)]
        yield cut(line(("  " + "  ".join(padded), "dim" if number == 0 else "")), width)
    if len(rows) > _GUESTS:
        yield line((f"  and {count(len(rows) - _GUESTS, 'more guest')}, which --json lists", "dim"))


_DISPENSABLE = ("last start", "anomalies", "badly", "failed", "last end")
"""Columns that are left out where there is no room, the first one first."""


def _columns(zone: tzinfo | None) -> list[Column]:
    def time(millis: int | None) -> str:
        return "" if millis is None else moment(millis, zone)[:16]

    def last_end(guest: GuestCounts) -> str:
        if guest.last_ending is Ending.RUNNING or guest.last_ending is None:
            return "" if guest.last_ending is None else ENDINGS[Ending.RUNNING]
        return f"{time(guest.last_end)} {guest.last_ending}".strip()

    return [
        ("guest", lambda each: shown(each.guest, _NAME) or each.uuid, ""),
        ("sessions", lambda each: f"{each.sessions:,}", "right"),
        ("ran", lambda each: took(each.ran) if each.ran else "", "right"),
        ("failed", lambda each: _unless_none(each.failed_starts), "right"),
        ("badly", lambda each: _unless_none(each.ended_badly), "right"),
        ("denials", lambda each: _unless_none(each.denials), "right"),
        ("anomalies", lambda each: _unless_none(each.anomalies), "right"),
        ("last start", lambda each: time(each.last_start), ""),
        ("last end", last_end, ""),
    ]


def _unless_none(number: int) -> str:
    return f"{number:,}" if number else "-"


def _padded(text: str, width: int, side: str) -> str:
    gap = " " * (width - cell_len(text))
    return gap + text if side else text + gap


def as_json(counts: Counts) -> str:
    """The counts as JSON: times in ISO 8601 (UTC), durations in seconds, every guest of every host."""
    told = {
        "from": iso(counts.start),
        "to": iso(counts.stop),
        "hosts": [_host_row(host) for host in sorted(counts.hosts.values(), key=lambda each: each.host)],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def _host_row(host: HostCounts) -> dict[str, object]:
    return {
        "host": without_surrogates(host.host), "boots": host.boots, "shutdowns": host.shutdowns,
        "starts": host.starts, "stops": host.stops, "resource_assignments": host.resources,
        "failed_operations": host.failed, "denials_of_no_guest": host.strangers,
        **{name: host.total(name) for name in ("sessions", "running", "failed_starts", "denials", "anomalies")},
        "guests": [_guest_row(guest) for guest in sorted(host.guests.values(), key=_name)],
    }  # fmt: skip


def _name(guest: GuestCounts) -> tuple[str, str]:
    return guest.guest, guest.uuid


def _guest_row(guest: GuestCounts) -> dict[str, object]:
    return {
        "guest": without_surrogates(guest.guest), "uuid": without_surrogates(guest.uuid), "sessions": guest.sessions,
        "running": guest.running, "failed_starts": guest.failed_starts, "ended_badly": guest.ended_badly,
        "seconds": round(guest.ran / 1000), "denials": guest.denials, "anomalies": guest.anomalies,
        "failed_operations": guest.failed, "last_start": iso(guest.last_start), "last_end": iso(guest.last_end),
        "last_ending": None if guest.last_ending is None else str(guest.last_ending),
    }  # fmt: skip
