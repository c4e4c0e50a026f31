"""libvirt's conf grammar, held against libvirt's own parser where it is installed."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import VIRCONF
from virtwarden.formats import Malformed, virconf

Read = list[tuple[str, virconf.Value]]

_WRAP = 1 << 64


def ours(text: str) -> Read:
    return [(entry.key, entry.value) for entry in virconf.parse(text).entries]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("# nothing\n", []),
        ("a = 1\n", [("a", 1)]),
        ("a=1", [("a", 1)]),
        ("a = -12\nb = +3\n", [("a", -12), ("b", 3)]),
        ("a = 007\n", [("a", 7)]),
        ('a = ""\n', [("a", "")]),
        ("a = 'single'\n", [("a", "single")]),
        ('a = "it\'s # no comment"  # a comment\n', [("a", "it's # no comment")]),
        ('a = """two\nlines"""\nb = 2\n', [("a", "two\nlines"), ("b", 2)]),
        ('a = """"""\n', [("a", "")]),
        ('a = [ "x", "y" ]\n', [("a", ("x", "y"))]),
        ("a = [\n  \"x\",\n  'y',\n]\n", [("a", ("x", "y"))]),
        ("a = []\n", [("a", ())]),
        ("a = [ 1, [ 'x' ] ]\n", [("a", (1, ("x",)))]),
        ("a = 1; b = 2\n", [("a", 1), ("b", 2)]),
        ("a = 1\r\nb = 2\r\n", [("a", 1), ("b", 2)]),
        ("  a\t=\t1 \n\n\n", [("a", 1)]),
        ("a = 1\na = 2\n", [("a", 1), ("a", 2)]),
        ('a = "caf\u00e9 \udcff"\n', [("a", "caf\u00e9 \udcff")]),
    ],
)
def test_what_libvirt_accepts(text: str, expected: Read) -> None:
    assert ours(text) == expected


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n", 2),
        ("a\n", 1),
        ("a = \n1\n", 1),
        ("a = 1\nb = yes\n", 2),
        ("a = 1 b = 2\n", 1),
        ('# one\na = "open\n', 2),
        ('a = """open\n\n', 1),
        ('a = """"""', 1),
        ('a = [ "x"\n', 2),
        ('a = [ "x" "y" ]\n', 1),
        ("a = [ , ]\n", 1),
        ('a = [\n "x", # why\n]\n', 2),
        ("1a = 1\n", 1),
        ("a = 1;;b = 2\n", 1),
        ("a = -\n", 1),
        ("a = 1\nb = 18446744073709551616\n", 2),
        ("a = " + "9" * 5000, 1),
        ("a = 1\nb = 'x\0'\n", 2),
        ("a = " + "[" * 60000, 1),
    ],
)
def test_what_libvirt_refuses_is_malformed_with_its_line(text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        virconf.parse(text)
    assert refused.value.line == line


def test_of_two_equal_keys_the_first_holds_and_the_second_is_told() -> None:
    conf = virconf.parse("a = 1\nb = 1\na = 2\n")
    held = conf.get("a")
    assert held is not None
    assert held.value == 1
    assert [(entry.key, entry.line) for entry in conf.repeated()] == [("a", 3)]
    assert conf.get("c") is None


def test_an_entry_knows_where_its_text_stands() -> None:
    conf = virconf.parse(VIRCONF)
    spans = {entry.key: VIRCONF[entry.value_start : entry.end] for entry in conf.entries}
    assert spans["vnc_tls"] == "1"
    assert spans["group"] == "'qemu'"
    assert spans["cgroup_device_acl"].startswith("[\n")
    assert spans["cgroup_device_acl"].endswith("]")
    assert [VIRCONF[entry.start :].startswith(entry.key) for entry in conf.entries] == [True] * len(conf.entries)
    lines = VIRCONF.split("\n")
    assert all(entry.key in lines[entry.line - 1] for entry in conf.entries)


class _Value(ctypes.Structure):
    pass


_Value._fields_ = [
    ("type", ctypes.c_int),
    ("next", ctypes.POINTER(_Value)),
    ("number", ctypes.c_longlong),
    ("string", ctypes.c_char_p),
    ("list", ctypes.POINTER(_Value)),
]
_NUMBERS, _STRING, _LIST = (1, 2), 3, 4
_Visit = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.POINTER(_Value), ctypes.c_void_p)
_Complain = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_IN_SILENCE = _Complain(lambda _data, _error: None)
Oracle = Callable[[str], Read | None]


def _items(value: ctypes._Pointer[_Value]) -> Iterator[virconf.Value]:
    while value:
        yield _read(value.contents)
        value = value.contents.next


def _read(value: _Value) -> virconf.Value:
    if value.type in _NUMBERS:
        return int(value.number) % _WRAP
    if value.type == _STRING:
        return bytes(value.string).decode("utf-8", "surrogateescape")
    assert value.type == _LIST
    return tuple(_items(value.list))


@pytest.fixture(scope="module")
def libvirt() -> Oracle:
    """How libvirt itself reads a text: its entries in order, None where it refuses."""
    try:
        library = ctypes.CDLL("libvirt.so.0")
        library.virConfReadString.restype = ctypes.c_void_p
        library.virConfWalk.argtypes = [ctypes.c_void_p, _Visit, ctypes.c_void_p]
        library.virConfFree.argtypes = [ctypes.c_void_p]
        library.virConfGetValue.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        library.virConfGetValue.restype = ctypes.POINTER(_Value)
    except (OSError, AttributeError) as missing:
        pytest.skip(f"libvirt's conf parser cannot be called: {missing}")
    library.virInitialize()
    library.virSetErrorFunc(None, _IN_SILENCE)

    def ask(text: str) -> Read | None:
        conf = library.virConfReadString(text.encode("utf-8", "surrogateescape"), 0)
        if not conf:
            return None
        found: Read = []

        def visit(name: bytes, value: ctypes._Pointer[_Value], _data: object) -> int:
            found.append((name.decode(), _read(value.contents)))
            return 0

        library.virConfWalk(conf, _Visit(visit), None)
        for name in {name for name, _ in found}:
            held = _read(library.virConfGetValue(conf, name.encode()).contents)
            assert held == dict(reversed(found))[name], "the first of equal keys holds"
        library.virConfFree(conf)
        return found

    return ask


def _unsigned(value: virconf.Value) -> virconf.Value:
    if isinstance(value, int):
        return value % _WRAP
    return value if isinstance(value, str) else tuple(_unsigned(item) for item in value)


_BLANKS = st.text(" \t", max_size=2)
_SPACES = st.text(" \t\r\n", max_size=3)
_PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\n\"'"), max_size=8)
_STRINGS = st.one_of(
    _PLAIN.map(lambda text: f'"{text}"'),
    _PLAIN.map(lambda text: f"'{text}'"),
    st.text("ab\n\r#'", max_size=8).map(lambda text: f'"""{text}"""'),
)
_INTEGERS = st.from_regex(r"[-+]?[0-9]{1,18}", fullmatch=True)


def _lists(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    items = st.lists(st.tuples(_SPACES, values, _SPACES).map("".join), max_size=4)
    return st.tuples(items.map(",".join), st.sampled_from(["", "", ",", " ,\n"])).map(
        lambda parts: f"[{''.join(parts)}]"
    )


_VALUES = st.recursive(st.one_of(_INTEGERS, _STRINGS), _lists, max_leaves=6)
_STATEMENTS = st.tuples(
    _SPACES,
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True),
    _BLANKS,
    st.just("="),
    _BLANKS,
    _VALUES,
    _BLANKS,
    st.sampled_from(["", "", "# why = 1", "#"]),
    st.sampled_from(["\n", "\r\n", "\n\n", ";", " ; \n", ""]),
).map("".join)
_COMMENTS = st.tuples(_SPACES, _PLAIN.map(lambda text: f"#{text}\n")).map("".join)
_TEXTS = st.lists(st.one_of(_STATEMENTS, _COMMENTS), max_size=5).map("".join)
_EDITS = st.lists(
    st.tuples(
        st.integers(0, 200), st.sampled_from(["", *"=[],;#'\"\n\r -1a_", '"""', "\u00e9"]), st.integers(0, 3)
    ),
    max_size=2,
)


@settings(max_examples=400)
@given(text=_TEXTS, edits=_EDITS)
@example(text='a = """"""', edits=[])
@example(text="a = 18446744073709551615\nb = -9223372036854775808\n", edits=[])
@example(text="\n \n", edits=[])
@example(text="a='x' #\n#", edits=[])
def test_libvirt_reads_the_same(libvirt: Oracle, text: str, edits: list[tuple[int, str, int]]) -> None:
    for at, insert, remove in edits:
        text = text[:at] + insert + text[at + remove :]
    try:
        read: Read | None = [(key, _unsigned(value)) for key, value in ours(text)]
    except Malformed as refused:
        assume("too large" not in str(refused))  # libvirt lets such numbers overflow
        read = None
    assert read == libvirt(text)
