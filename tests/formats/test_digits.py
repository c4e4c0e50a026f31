"""Numbers as files write them: what only looks like one is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from virtwarden.formats.digits import signed, whole


@given(some.integers(min_value=0, max_value=2**64 - 1))
def test_every_number_of_64_bits_is_read(number: int) -> None:
    assert whole(str(number)) == number
    assert signed(f"-{number}") == -number
    assert signed(str(number)) == number


@pytest.mark.parametrize(
    "text", ["", "²", "٣", "1_000", " 1", "+1", "1.5", "0x10", "9" * 21, "9" * 5000, "--1", "-"]
)
def test_what_only_looks_like_a_number_is_none(text: str) -> None:
    assert whole(text) is None
    assert signed(text) is None


@given(some.text())
def test_no_text_is_too_much(text: str) -> None:
    assert whole(text) is None or text.isdigit()
