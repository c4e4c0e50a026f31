"""libvirt's own parser of conf files, called in libvirt.so, and texts in its grammar."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator

import pytest
from hypothesis import strategies as st

from virtwarden.formats import virconf

Read = list[tuple[str, virconf.Value]]

WRAP = 1 << 64


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
        return int(value.number) % WRAP
    if value.type == _STRING:
        return bytes(value.string).decode("utf-8", "surrogateescape")
    assert value.type == _LIST
    return tuple(_items(value.list))


def libvirts_reader() -> Oracle:
    """How libvirt itself reads a text: its entries in order, None where it refuses. Skips where it is missing."""
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


VALUES = st.recursive(st.one_of(_INTEGERS, _STRINGS), _lists, max_leaves=6)
_STATEMENTS = st.tuples(
    _SPACES,
    st.from_regex(r"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True),
    _BLANKS,
    st.just("="),
    _BLANKS,
    VALUES,
    _BLANKS,
    st.sampled_from(["", "", "# why = 1", "#"]),
    st.sampled_from(["\n", "\r\n", "\n\n", ";", " ; \n", ""]),
).map("".join)
COMMENTS = st.tuples(_SPACES, _PLAIN.map(lambda text: f"#{text}\n")).map("".join)
TEXTS = st.lists(st.one_of(_STATEMENTS, COMMENTS), max_size=5).map("".join)
