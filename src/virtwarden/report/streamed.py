"""JSON written piece by piece, so that a report of a large host never stands in memory as one text."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

Json = str | int | bool | None | Sequence["Json"] | Mapping[str, "Json"]

_SUSPECT = re.compile(r"[^ -~\n]")

encode = msgspec.json.Encoder().encode


def streamed(document: msgspec.Struct | Json, lists: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """A document as JSON; each of these lists, empty in the document, is filled with items that are JSON already.

    The lists are named in the order in which they stand there. A quote inside a JSON string is escaped, so that
    `"name":[]` can be nothing but the list itself.
    """
    rest = encode(document).decode()
    for name, items in lists.items():
        head, _, rest = rest.partition(f'"{name}":[]')
        yield inert(f'{head}"{name}":[')
        separator = "\n"
        for item in items:
            yield separator
            yield inert(item)
            separator = ",\n"
        yield "]"
    yield inert(rest)


def inert(text: str) -> str:
    """JSON that shows as it is: unprintable characters, all of them inside strings, become escapes."""
    return text if text.isascii() and "\x7f" not in text else _SUSPECT.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    char = found[0]
    if char.isprintable():
        return char
    return "".join(f"\\u{unit.hex()}" for (unit,) in struct.iter_unpack("2s", char.encode("utf-16-be")))
