"""Edits of libvirt's conf files, asked of libvirt's own parser where it is installed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests import confreader
from tests.confreader import WRAP, Oracle, Read, libvirts_reader
from virtwarden.edits import ConfValue, RemoveLine, SetConf
from virtwarden.formats import Malformed, virconf
from virtwarden.model import Document
from virtwarden.splice import CannotApply, apply

QEMU_CONF = Document("file", "/etc/libvirt/qemu.conf")


def made(edit: SetConf | RemoveLine, text: str | None) -> str:
    result = apply(edit, text, QEMU_CONF)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("text", "edit", "expected"),
    [
        ("a = 1 # why\nb = 2\n", SetConf("a", 0), "a = 0 # why\nb = 2\n"),
        ("a=1;b=2\n", SetConf("b", 3), "a=1;b=3\n"),
        ("a = 1\na = 2\n", SetConf("a", 0), "a = 0\na = 2\n"),
        ("user = 'qemu'\n", SetConf("user", "kvm"), "user = 'kvm'\n"),
        ("user = 'qemu'\n", SetConf("user", "o'neill"), 'user = "o\'neill"\n'),
        ('user = "x"\n', SetConf("user", 'say "it\'s"!'), 'user = """say "it\'s"!"""\n'),
        ('l = [\n  "a",\n  "b"\n]\nz = 1\n', SetConf("l", ("a", "b")), 'l = [\n  "a",\n  "b"\n]\nz = 1\n'),
        ("list = [\n  'a'\n]\nz = 1\n", SetConf("list", ("a", "c")), "list = [ 'a', 'c' ]\nz = 1\n"),
        ('level = "1"\n', SetConf("level", 1), "level = 1\n"),
        ("level = 1\n", SetConf("level", "1"), 'level = "1"\n'),
        ("", SetConf("a", ()), "a = []\n"),
        (None, SetConf("a", "x"), 'a = "x"\n'),
        ("b = 2", SetConf("a", 1), "b = 2\na = 1\n"),
        ("b = 2\r\n", SetConf("a", 1), "b = 2\r\na = 1\r\n"),
        ("# about a\n#a = 0\n\n# about b\n", SetConf("a", 1), "# about a\n#a = 0\na = 1\n\n# about b\n"),
        ("#a = 0\r\nb = 1\r\n", SetConf("a", 1), "#a = 0\r\na = 1\r\nb = 1\r\n"),
        ("#      a = 1  # or so\n#\n#a = 0\n", SetConf("a", 1), "#      a = 1  # or so\n#\n#a = 0\na = 1\n"),
        ('#l = [\n#  "x",\n#]\n#b = 1\n', SetConf("l", ("z",)), '#l = [\n#  "x",\n#]\nl = [ "z" ]\n#b = 1\n'),
        ('#l = [\n#b = 1\n#c = [ "x" ]\n', SetConf("l", ()), '#l = [\nl = []\n#b = 1\n#c = [ "x" ]\n'),
        ('t = """\n#a = 1\n"""\n', SetConf("a", 2), 't = """\n#a = 1\n"""\na = 2\n'),
        ("# a = 1 is what it was\nb = 1", SetConf("a", 2), "# a = 1 is what it was\na = 2\nb = 1"),
        ("#a", SetConf("a", 2), "#a\na = 2\n"),
    ],
)  # fmt: skip
def test_a_key_is_set_in_its_place(text: str | None, edit: SetConf, expected: str) -> None:
    assert made(edit, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\nb = 2\n", "b = 2\n"),
        ("  a = 1  # why\r\nb = 2\r\n", "b = 2\r\n"),
        ("b = 1\na = [\n 'x',\n 'y'\n]\nc = 2\n", "b = 1\nc = 2\n"),
        ("a = 1\nb = 2\na = 3", "b = 2\n"),
        ("a = 1; b = 2 # both\n", "b = 2 # both\n"),
        ("b = 2 ; a = 1 # both\n", "b = 2  # both\n"),
        ("b = 2; a = 1; c = 3\n", "b = 2; c = 3\n"),
        ("a = 1; # why\nb = 2\n", "b = 2\n"),
        ("a = 1; a = 2\n", ""),
        ("a = 1; b = 2; a = 3; a = 4 # x\n", "b = 2 # x\n"),
        ("\n\na = 1\n\n", ""),
        ("b = 1\n", "b = 1\n"),
        ("#a = 1\n", "#a = 1\n"),
        ("ab = 1\n", "ab = 1\n"),
    ],
)
def test_a_key_is_taken_out_with_its_lines(text: str, expected: str) -> None:
    assert made(RemoveLine("a"), text) == expected


def test_a_file_that_is_not_there_stays_so_when_a_key_is_taken_out() -> None:
    assert apply(RemoveLine("a"), None, QEMU_CONF) is None


@pytest.mark.parametrize(
    ("edit", "text", "why"),
    [
        (SetConf("a", 1), "b = yes\n", "libvirt does not accept this file: line 1: expected a number"),
        (RemoveLine("a"), "b\n", "libvirt does not accept this file"),
        (SetConf("vnc-listen", 1), "", "vnc-listen is no key"),
        (SetConf("a", "two\nlines\0"), "", "no quotes"),
        (SetConf("a", '"""\''), "", "no quotes"),
    ],
)
def test_what_cannot_be_done_is_said(edit: SetConf | RemoveLine, text: str, why: str) -> None:
    with pytest.raises(CannotApply, match=rf"^/etc/libvirt/qemu\.conf: {why}"):
        apply(edit, text, QEMU_CONF)


KEYS = st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True)
STRINGS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8)
VALUES = st.one_of(st.integers(-(2**62), 2**62), STRINGS, st.lists(STRINGS, max_size=3).map(tuple))
TEMPLATES = KEYS.map(lambda key: f"#{key} = 1\n")
ENDS = st.sampled_from(["\n", "\r\n", "\n\n", ";", " ; \n", "# why = 1\n", " #\n"])
ASSIGNMENTS = st.tuples(KEYS, st.sampled_from(["=", " = "]), confreader.VALUES, ENDS).map("".join)
FILES = st.lists(st.one_of(ASSIGNMENTS, confreader.COMMENTS, TEMPLATES), max_size=5).map("".join)
HELD = st.tuples(FILES, ASSIGNMENTS, FILES).map("".join)


@pytest.fixture(scope="module")
def libvirt() -> Oracle:
    """How libvirt itself reads a text."""
    return libvirts_reader()


def ours(text: str) -> Read | None:
    try:
        return [(entry.key, unsigned(entry.value)) for entry in virconf.parse(text).entries] if text else []
    except Malformed:
        return None


def unsigned(value: virconf.Value) -> virconf.Value:
    return value % WRAP if isinstance(value, int) else value if isinstance(value, str) else tuple(value)


def attempt(edit: SetConf | RemoveLine, text: str) -> str:
    try:
        return made(edit, text)
    except CannotApply:
        assume(False)
        raise


def some_key(text: str) -> Callable[[int], str]:
    """A key of the file, or one that it may have."""
    held = [entry.key for entry in virconf.parse(text).entries] if text else []
    return lambda number: (held or ["zz"])[number % len(held or [0])]


@settings(max_examples=80)
@given(text=FILES, key=KEYS, number=st.none() | st.integers(0, 9), value=VALUES)
def test_what_was_put_is_what_libvirt_gets(
    libvirt: Oracle, text: str, key: str, number: int | None, value: ConfValue
) -> None:
    before = libvirt(text) if text else []
    assume(before is not None and ours(text) == before)
    key = key if number is None else some_key(text)(number)
    after = attempt(SetConf(key, value), text)
    read = libvirt(after)
    assert read is not None
    assert dict(reversed(read))[key] == unsigned(value)
    assert [(name, held) for name, held in read if name != key] == [(n, h) for n, h in before or [] if n != key]
    assert attempt(SetConf(key, value), after) == after


@settings(max_examples=80)
@given(text=HELD, number=st.integers(0, 9))
def test_what_was_taken_out_libvirt_does_not_see(libvirt: Oracle, text: str, number: int) -> None:
    before = libvirt(text) if text else []
    assume(before and ours(text) == before)
    key = some_key(text)(number)
    after = made(RemoveLine(key), text)
    assert (libvirt(after) if after else []) == [entry for entry in before or [] if entry[0] != key]
    assert made(RemoveLine(key), after) == after


@settings(max_examples=60)
@given(text=FILES, keys=st.lists(KEYS, min_size=2, max_size=2, unique=True), values=st.tuples(VALUES, VALUES))
def test_edits_of_different_keys_commute(text: str, keys: list[str], values: tuple[ConfValue, ConfValue]) -> None:
    assume(ours(text) is not None)
    one, other = (SetConf(key, value) for key, value in zip(keys, values, strict=True))
    there, back = attempt(other, attempt(one, text)), attempt(one, attempt(other, text))
    assert sorted(ours(there) or (), key=str) == sorted(ours(back) or (), key=str)


@settings(max_examples=60)
@given(text=FILES, key=KEYS, value=VALUES)
def test_a_key_that_was_put_and_taken_out_leaves_no_trace(text: str, key: str, value: ConfValue) -> None:
    assume(ours(text) is not None and (not text or text.endswith("\n")))
    assume(key not in dict(ours(text) or ()))
    assert made(RemoveLine(key), attempt(SetConf(key, value), text)) == text


@settings(max_examples=60)
@given(text=HELD, number=st.integers(0, 9), value=VALUES)
def test_nothing_outside_the_value_moves(text: str, number: int, value: ConfValue) -> None:
    assume(ours(text))
    entry = virconf.parse(text).get(some_key(text)(number))
    assert entry is not None
    after = attempt(SetConf(entry.key, value), text)
    assert after.startswith(text[: entry.value_start])
    assert after.endswith(text[entry.end :])
