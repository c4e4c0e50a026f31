"""Text and bytes to values and back. Nothing here knows of hosts, facts or controls."""

from __future__ import annotations

_LONGEST_MESSAGE = 300


class Malformed(ValueError):
    """A text is not in the format that it should be in; `line` counts from 1, 0 where it cannot be told."""

    def __init__(self, message: str, line: int = 0) -> None:
        if len(message) > _LONGEST_MESSAGE:
            message = message[: _LONGEST_MESSAGE - 1] + "…"
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line
