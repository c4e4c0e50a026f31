"""PEM bundles cut into blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.formats import Malformed, pem

CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\nAAA=\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nMIIC\n-----END RSA PRIVATE KEY-----\n"


def test_blocks_know_their_label_their_text_and_their_line() -> None:
    blocks = pem.parse(f"subject=CN = x\n{CERTIFICATE}\n{KEY}junk\n")
    assert [(block.label, block.line) for block in blocks] == [("CERTIFICATE", 2), ("RSA PRIVATE KEY", 7)]
    assert [block.text for block in blocks] == [CERTIFICATE, KEY]
    assert [block.is_certificate for block in blocks] == [True, False]
    assert [block.is_private_key for block in blocks] == [False, True]


@pytest.mark.parametrize("text", ["", "no block\n", "----BEGIN X----\n", "-----BEGIN -----\n"])
def test_a_text_without_blocks_has_none(text: str) -> None:
    assert pem.parse(text) == ()


def test_line_ends_of_another_system_and_blanks_after_the_boundary_are_no_matter() -> None:
    text = "-----BEGIN X509 CRL----- \r\nMIIB\r\n-----END X509 CRL-----\t\r\n"
    assert pem.parse(text) == (pem.Block("X509 CRL", text, 1),)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n-----BEGIN CERTIFICATE-----\nMIIB\n", 2),
        ("-----END CERTIFICATE-----\n", 1),
        ("-----BEGIN CERTIFICATE-----\n-----END PRIVATE KEY-----\n", 2),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n" + KEY, 3),
    ],
)
def test_boundaries_that_do_not_meet_are_malformed(text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        pem.parse(text)
    assert refused.value.line == line


LABELS = st.from_regex(r"[A-Z0-9]+( [A-Z0-9]+){0,3}", fullmatch=True)
BODIES = st.text("abcXYZ+/=: \n", max_size=60)


@given(st.lists(st.tuples(LABELS, BODIES)))
def test_a_bundle_comes_back_block_by_block(written: list[tuple[str, str]]) -> None:
    texts = [f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n" for label, body in written]
    assert [block.text for block in pem.parse("text between\n".join(texts))] == texts
