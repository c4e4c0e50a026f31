"""What of a log could not be used, in sentences."""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.events.model import Skipped
from virtwarden.report.visible import visible


def sentences(skipped: Skipped) -> Iterator[str]:
    """A sentence for each reason; none where all was used."""
    if skipped.malformed:
        lines, was = _lines(skipped.malformed), _was(skipped.malformed)
        yield f"{lines} of guests or denials could not be understood and {was} skipped"
    if skipped.too_long:
        yield f"{_lines(skipped.too_long)} longer than any record {_was(skipped.too_long)} skipped"
    if skipped.torn:
        yield (
            "the log ends in the midst of a line"
            if skipped.torn == 1
            else f"{skipped.torn} files end in the midst of a line"
        )
    if skipped.repeated:
        yield f"{skipped.repeated} records were there twice and count once"
    if skipped.late:
        yield f"{skipped.late} records came too late to be put in order"
    yield from map(visible, skipped.damaged)


def _lines(count: int) -> str:
    return "1 line" if count == 1 else f"{count} lines"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
