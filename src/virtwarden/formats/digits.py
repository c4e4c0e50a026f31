"""Numbers as files write them, without believing that what looks like a number is one.

Python takes digits of any script for digits, and refuses to convert thousands of them.
"""

from __future__ import annotations

LONGEST = 20
"""As many digits as the largest number of 64 bits has."""


def whole(text: str) -> int | None:
    """The number that decimal digits write; None where they are anything else, or more than 64 bits hold."""
    return int(text) if len(text) <= LONGEST and text.isascii() and text.isdigit() else None


def signed(text: str) -> int | None:
    """The same with a sign before the digits, or none."""
    number = whole(text.removeprefix("-"))
    return -number if number is not None and text.startswith("-") else number
