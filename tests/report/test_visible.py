"""Text that others control is shown and does nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.report.visible import clipped, shown, visible, visible_lines, without_surrogates

ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("web-1 ü 名前", "web-1 ü 名前"),
        ("\x1b[31m", r"\x1b[31m"),
        ("a\tb\r\nc", r"a\tb\r\nc"),
        ("\x7f\x9b\xa0", r"\x7f\x9b\xa0"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("\ufeff\u200b\u2028", r"\ufeff\u200b\u2028"),
        ("byte \udcff", r"byte \xff"),
        ("half \ud800", r"half \ud800"),
        ("tag \U000e0041", r"tag \U000e0041"),
    ],
)
def test_what_cannot_be_printed_is_spelled_out(text: str, seen: str) -> None:
    assert visible(text) == seen


@given(ANY_TEXT)
def test_what_is_visible_is_printable_and_stays_as_it_is(text: str) -> None:
    once = visible(text)
    assert once.isprintable()
    assert visible(once) == once
    once.encode()


@given(ANY_TEXT, st.integers(1, 50))
def test_what_is_shown_is_never_longer_than_its_limit(text: str, limit: int) -> None:
    assert len(shown(text, limit)) <= limit
    assert shown(text, limit).isprintable()


@given(ANY_TEXT)
def test_a_text_without_surrogates_is_utf8_and_differs_in_nothing_else(text: str) -> None:
    clean = without_surrogates(text)
    clean.encode()
    assert clean == text or any("\ud800" <= char <= "\udfff" for char in text)


def test_a_clipped_text_says_that_it_is() -> None:
    assert clipped("abcdef", 4) == "abc…"
    assert clipped("abcd", 4) == "abcd"


def test_lines_are_kept_apart_and_nothing_else_ends_one() -> None:
    assert visible_lines("a\nb\r\nc\u2028d\n") == ["a", "b\\r", "c\\u2028d"]
