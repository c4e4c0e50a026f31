"""Text that others control, made harmless to show: nothing in it can move a cursor, reorder or hide.

Guest names, image headers and lines of files end up in reports. Whatever Python does not call printable
(control and format characters, bidirectional overrides, lone surrogates, odd spaces) is spelled out.
"""

from __future__ import annotations

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
_BYTES = range(0xDC80, 0xDD00)


def visible(text: str) -> str:
    """The text with every unprintable character spelled out, such as `\\x1b` or `\\u202e`, on one line."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _spelled(char) for char in text)


def visible_lines(text: str) -> list[str]:
    """The lines of a text, each made visible; only a line feed ends a line."""
    return [visible(line) for line in text.removesuffix("\n").split("\n")]


def clipped(text: str, limit: int) -> str:
    """The text, or its beginning and an ellipsis where it is longer than `limit`."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def shown(text: str, limit: int) -> str:
    """The beginning of a text made visible, at most `limit` characters; cheap for texts of any length."""
    if len(text) <= limit and text.isprintable():
        return text
    return clipped(visible(text[: limit + 1]), limit)


def without_surrogates(text: str) -> str:
    """The same text, but for undecodable bytes, which are spelled out: it can be written as UTF-8."""
    if text.isascii():
        return text
    return "".join(_spelled(char) if "\ud800" <= char <= "\udfff" else char for char in text)


def _spelled(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    code = ord(char)
    if code in _BYTES:
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
