"""Types of records as they are asked for: by name, by number as the kernel counts them, or all."""

from __future__ import annotations

from collections.abc import Iterable

from virtwarden.complaint import Complaint
from virtwarden.events.interpret.tables import names


def spelled(words: Iterable[str]) -> list[str]:
    """How logs write the types that are asked for by names and numbers; none where it is all of them. auditd writes
    `UNKNOWN[1423]` for a type that is newer than itself. Raises `Complaint`."""
    wanted = [word.upper() for word in words]
    found: list[str] = []
    for word in wanted:
        if word != "ALL":
            found += _spellings(word)
    return [] if "ALL" in wanted else list(dict.fromkeys(found))


def _spellings(word: str) -> list[str]:
    digits = word.removeprefix("UNKNOWN[").removesuffix("]")
    if digits.isascii() and digits.isdecimal() and len(digits) < 6:
        number, name = int(digits), names("type").get(int(digits))
    elif word in (known := {name: number for number, name in names("type").items()}):
        number, name = known[word], word
    else:
        raise Complaint(f"there is no type of record {word}; {_nearest(word, list(known))}")
    return [*([name] if name else []), f"UNKNOWN[{number}]", str(number)]


def _nearest(word: str, known: list[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only where somebody mistyped

    close = get_close_matches(word, known, 1)
    return f"did you mean {close[0]}?" if close else "write one such as AVC, its number, or ALL"
