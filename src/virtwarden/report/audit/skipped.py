"""What of a log could not be used, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.events.model import Skipped
from virtwarden.report.visible import visible


def sentences(skipped: Skipped) -> Iterator[str]:
    """A sentence for each reason; none where all was used."""
    if skipped.malformed:
        yield f"{_lines(skipped.malformed)} of guests or denials could not be understood and were skipped"
    if skipped.too_long:
        yield f"{_lines(skipped.too_long)} longer than any record were skipped"
    if skipped.torn:
        yield f"{skipped.torn} of the files ended in the midst of a line"
    if skipped.repeated:
        yield f"{skipped.repeated} records were there twice and count once"
    if skipped.late:
        yield f"{skipped.late} records came too late to be put in order"
    yield from map(visible, skipped.damaged)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"
