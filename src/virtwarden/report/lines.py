"""Lines of a terminal report: styled text that is wrapped, indented, set in two corners and printed.

This is the only place that knows rich; everything a host had a say in is made visible before it comes here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from virtwarden.report.layout import Charset, Palette, Style

Line = Text

_ASCII = str.maketrans(
    {
        "✗": "x", "✓": "+", "·": "-", "…": "...", "─": "-", "│": "|",
        "█": "#", "▓": "%", "▒": "?", "░": "=",
    }
)  # fmt: skip


def line(*parts: str | tuple[str, str]) -> Line:
    """A line of plain strings and (string, style) pairs."""
    return Text.assemble(*parts)


def hanging(text: Line, width: int, indent: int, first: str = "", mark: str = "") -> Iterator[Line]:
    """A text wrapped to the width, every line indented; `first` stands before the first, styled as `mark`."""
    room = max(width - indent - cell_len(first), 10)
    for place, wrapped in enumerate(_wrapped(text, room)):
        lead = first if place == 0 else " " * cell_len(first)
        yield Text.assemble(" " * indent, (lead, mark), wrapped)


def trailed(text: Line, trail: Line, width: int, indent: int) -> Iterator[Line]:
    """A wrapped text and, behind it, a few words that are not torn apart: on a line of their own if need be."""
    *lines, last = hanging(text, width, indent)
    yield from lines
    if last.cell_len + trail.cell_len <= width:
        yield Text.assemble(last, trail)
        return
    yield from (last, Text.assemble(" " * (indent - 1), trail))


def cut(text: Line, width: int, indent: int = 0) -> Line:
    """A text on one line, cut with an ellipsis where it is longer than the width."""
    whole = Text.assemble(" " * indent, text)
    whole.truncate(width, overflow="ellipsis")
    return whole


def cornered(left: Line, right: Line, width: int, fill: str = " ") -> list[Line]:
    """Two texts at both ends of a line; the right one on a line of its own where they do not fit."""
    gap = width - left.cell_len - right.cell_len
    if gap >= 2:
        middle = f" {fill * (gap - 2)} " if fill != " " else " " * gap
        return [Text.assemble(left, (middle, "dim"), right)]
    return [*hanging(left, width, 0), Text.assemble(" " * 4, right)]


def printed(lines: Iterable[Line], style: Style) -> str:
    """The lines as a terminal of this style wants them, with a line feed after each."""
    if style.palette is Palette.PLAIN:
        text = "".join(f"{each.plain.rstrip()}\n" for each in lines)
    else:
        text = _coloured(lines, style)
    if style.charset is Charset.UNICODE:
        return text
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _coloured(lines: Iterable[Line], style: Style) -> str:
    out = StringIO()
    console = Console(
        file=out,
        width=style.width,
        force_terminal=True,
        color_system="standard",
        legacy_windows=False,
        markup=False,
        emoji=False,
        highlight=False,
        _environ={},
    )
    for each in lines:
        each.rstrip()
        console.print(each, soft_wrap=True)
    return out.getvalue()


def _wrapped(text: Line, width: int) -> Iterator[Line]:
    for part in text.split("\n", allow_blank=True):
        yield from part.wrap(_MEASURE, width, overflow="fold") if part.plain else [part]


_MEASURE = Console(file=StringIO(), width=200, color_system=None, _environ={})
