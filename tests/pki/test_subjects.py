"""Subjects and patterns as libvirt compares them: GnuTLS's spelling, GLib's and the C library's matching."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pki import oracles
from virtwarden.formats import Malformed, dername
from virtwarden.pki.subjects import Rules, matches, remarks, witness

needs_gnutls = pytest.mark.skipif(oracles.gnutls() is None, reason="GnuTLS is not installed")
needs_glib = pytest.mark.skipif(oracles.glib() is None, reason="GLib is not installed")

CN = "2.5.4.3"
OIDS = [*dername._KNOWN, "1.2.3.4", "2.999.3", "2.5.4.97", "1.2.840.113549.1.9.8"]


def element(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, size)) + content if size < 128 else bytes((tag, 0x80 | len(octets))) + octets + content


def numbered(dotted: str) -> bytes:
    first, second, *others = map(int, dotted.split("."))
    content = b""
    for arc in (40 * first + second, *others):
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    return element(0x06, content)


def name(*relatives: list[tuple[str, int, bytes]]) -> bytes:
    return element(0x30, b"".join(
        element(0x31, b"".join(element(0x30, numbered(oid) + element(tag, value)) for oid, tag, value in relative))
        for relative in relatives
    ))  # fmt: skip


UNUSUAL = [
    (name([(CN, 12, b"a")], [("2.5.4.6", 19, b"DE")]), "CN=a,C=DE"),
    (name([(CN, 12, b"b"), (CN, 12, b"a")]), "CN=b+CN=a"),
    (name([(CN, 12, b" # x ")]), "CN=\\ # x\\ "),
    (name([(CN, 12, b"#")]), "CN=\\#"),
    (name([(CN, 12, b"a\n\x01\x7f")]), "CN=a\n\x01\x7f"),
    (name([(CN, 12, b"a\0b")]), "CN=#0c03610062"),
    (name([(CN, 12, b"\xff")]), "CN=\udcff"),
    (name([(CN, 30, "añ".encode("utf-16-be"))]), "CN=añ"),
    (name([(CN, 30, b"\xd8\0")]), "CN=\\#d800"),
    (name([(CN, 20, b"abc")]), "CN=abc"),
    (name([(CN, 20, b"ab\xe9")]), "CN=\\#6162e9"),
    (name([(CN, 28, "añ".encode("utf-32-be"))]), "CN=\\#00000061000000f1"),
    (name([(CN, 22, b"ia5")]), "CN=#1603696135"),
    (name([("2.5.4.6", 12, b"DE")]), "C=#0c024445"),
    (name([("1.2.840.113549.1.9.1", 22, b"a@b.c")]), "EMAIL=a@b.c"),
    (name([("1.2.840.113549.1.9.1", 12, b"a@b")]), "EMAIL=#0c03614062"),
    (name([("1.2.3.4", 12, b"x" * 200)]), "1.2.3.4=#0c81c8" + "78" * 200),
    (name([("2.999.3", 12, b"b")]), "2.999.3=#0c0162"),
    (name([(CN, 0x2C, element(12, b"ab"))]), "CN=#2c040c026162"),
    (name(), ""),
]  # fmt: skip


@pytest.mark.parametrize(("encoded", "wanted"), UNUSUAL)
def test_unusual_subjects_are_spelt_as_gnutls_spells_them(encoded: bytes, wanted: str) -> None:
    assert dername.spelled(encoded) == wanted
    if oracles.gnutls() is not None and wanted:
        assert oracles.spelled(encoded) == wanted.encode("utf-8", "surrogateescape")


VALUES = st.one_of(
    st.tuples(st.sampled_from([12, 18, 19, 20, 22, 28, 30, 4, 2, 26]), st.binary(max_size=12)),
    st.tuples(st.sampled_from([12, 19, 20, 22]), st.text(' ,+"\\<>;#=a*\n', max_size=8).map(str.encode)),
    st.tuples(st.just(30), st.text(max_size=5).map(lambda text: text.encode("utf-16-be", "surrogatepass"))),
    st.tuples(st.just(12), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))),
)
ATTRIBUTES = st.tuples(st.sampled_from(OIDS), VALUES).map(lambda pair: (pair[0], *pair[1]))


@needs_gnutls
@settings(max_examples=800)
@given(st.lists(st.lists(ATTRIBUTES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_every_subject_is_spelt_as_gnutls_spells_it(relatives: list[list[tuple[str, int, bytes]]]) -> None:
    encoded = name(*relatives)
    said = oracles.spelled(encoded)
    if isinstance(said, int):
        with pytest.raises(Malformed):
            dername.spelled(encoded)
    else:
        assert dername.spelled(encoded).encode("utf-8", "surrogateescape") == said


@given(st.binary(max_size=60))
def test_junk_is_malformed_or_some_text(junk: bytes) -> None:
    for asked in (dername.spelled, dername.names_of):
        try:
            asked(junk)
        except Malformed:
            continue


PIECES = st.lists(
    st.sampled_from(["*", "?", "a", "b", "C=", ",", "é", "\\", "[", "]", "!", "-", "^", "."]), max_size=9
)
LETTERS = st.lists(st.sampled_from(["a", "b", "C=", ",", "é", "\\", "[", "]", "*", "-", "!", "."]), max_size=9)


@needs_glib
@settings(max_examples=600)
@given(PIECES.map("".join), LETTERS.map("".join))
def test_patterns_match_as_glib_matches_them(pattern: str, subject: str) -> None:
    assert matches(pattern, subject) == oracles.glib_matches(pattern, subject)


OLD_PIECES = st.lists(
    st.sampled_from(
        ["*", "?", "a", "b", "\\", "[", "]", "[ab]", "[!a]", "[^b]", "[a-c]", "[[:alpha:]]", "-", "[]a]", ","]
    ),
    max_size=6,
)  # fmt: skip
OLD_LETTERS = st.lists(st.sampled_from(["a", "b", "c", "\\", "[", "]", "-", ",", "!", "*"]), max_size=6)


@settings(max_examples=800)
@given(OLD_PIECES.map("".join), OLD_LETTERS.map("".join))
def test_old_rules_match_as_fnmatch_does(pattern: str, subject: str) -> None:
    assert matches(pattern, subject, Rules.OLD) == oracles.fnmatch_matches(pattern.encode(), subject.encode())


@pytest.mark.parametrize(
    ("pattern", "rules", "wanted"),
    [
        ("CN=a", Rules.NEW, []),
        ("CN=[a]", Rules.NEW, []),
        ("C=*,CN=x", Rules.NEW, ["* runs across fields, so that C=x,O=Other,CN=x is let in"]),
        ("*CN=x", Rules.NEW, ["* runs across fields, so that O=OtherCN=x is let in"]),
        ("CN=?", Rules.NEW, ["? stands for any character"]),
        ("CN=[a]", Rules.OLD, ["brackets are a set of characters"]),
        ("CN=[a]*", Rules.OLD, ["* runs across fields", "brackets are a set of characters"]),
        ("CN=a\\", Rules.OLD, ["ends within an escape, so that it lets nobody in"]),
        (
            "O=a\\, b",
            Rules.OLD,
            ["a backslash takes the next character as it is, so that a subject's own backslash is to be doubled"],
        ),
    ],
)
def test_what_a_pattern_lets_in_besides_is_told(pattern: str, rules: Rules, wanted: list[str]) -> None:
    assert list(remarks(pattern, rules)) == wanted


@given(PIECES.map("".join))
def test_a_witness_is_let_in_by_todays_rules(pattern: str) -> None:
    if "*" in pattern:
        assert matches(pattern, witness(pattern))


def test_a_hostile_pattern_takes_no_time_by_either_rules() -> None:
    for rules in Rules:
        assert not matches("*a" * 200 + "b", "a" * 5000, rules)
