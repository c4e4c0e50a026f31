"""Answers of a source as values that can be kept: by recordings and by sources that ask many things at once."""

from __future__ import annotations

from typing import Literal

from virtwarden.host import Absent, Head, Output, Stat, Text, Unknown

Ask = Literal["read", "head", "glob", "stat", "run"]
Key = tuple[Ask, tuple[str, ...], int]
Answer = Text | Head | Stat | Output | list[str]
Kept = Answer | Absent | Unknown


def given(kept: Kept) -> Answer:
    """The answer, or the refusal raised anew."""
    if isinstance(kept, Absent | Unknown):
        raise type(kept)(str(kept), *kept.evidence)
    return kept
