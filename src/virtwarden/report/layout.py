"""How wide a text report is, and whether it has colour and signs beyond ASCII: what the terminal can show."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TextIO

NARROWEST, PIPED, WIDEST = 60, 100, 200


class Palette(Enum):
    """Whether signs and words are coloured."""

    PLAIN = auto()
    COLOUR = auto()


class Charset(Enum):
    """Which signs can be shown."""

    UNICODE = auto()
    ASCII = auto()


class Detail(Enum):
    """How much is said of each control: only what it came out as, the usual, or everything there is room for."""

    BRIEF = auto()
    NORMAL = auto()
    FULL = auto()


@dataclass(frozen=True, slots=True)
class Style:
    """How a text report looks."""

    width: int = PIPED
    palette: Palette = Palette.PLAIN
    charset: Charset = Charset.UNICODE
    detail: Detail = Detail.NORMAL


def terminal_width() -> int:
    """The terminal's width within what reads well; 100 where there is no terminal."""
    return min(max(shutil.get_terminal_size((PIPED, 24)).columns, NARROWEST), WIDEST)


def style_for(stream: TextIO, environ: Mapping[str, str] = os.environ, detail: Detail = Detail.NORMAL) -> Style:
    """The style that suits a stream: colour only on a terminal that wants it, signs that its encoding has."""
    terminal = stream.isatty()
    wants_colour = terminal and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"
    return Style(
        width=terminal_width() if terminal else PIPED,
        palette=Palette.COLOUR if wants_colour else Palette.PLAIN,
        charset=Charset.UNICODE if _is_unicode(stream) else Charset.ASCII,
        detail=detail,
    )


def _is_unicode(stream: TextIO) -> bool:
    return (stream.encoding or "").lower().replace("-", "").replace("_", "").startswith("utf")
