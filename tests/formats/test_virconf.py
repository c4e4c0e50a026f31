"""libvirt's conf grammar, held against libvirt's own parser where it is installed."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.confreader import TEXTS, WRAP, Oracle, Read, libvirts_reader
from tests.fuzz.targets import VIRCONF
from virtwarden.formats import Malformed, virconf


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


@pytest.fixture(scope="module")
def libvirt() -> Oracle:
    """How libvirt itself reads a text."""
    return libvirts_reader()


def _unsigned(value: virconf.Value) -> virconf.Value:
    if isinstance(value, int):
        return value % WRAP
    return value if isinstance(value, str) else tuple(_unsigned(item) for item in value)


_EDITS = st.lists(
    st.tuples(
        st.integers(0, 200), st.sampled_from(["", *"=[],;#'\"\n\r -1a_", '"""', "\u00e9"]), st.integers(0, 3)
    ),
    max_size=2,
)


@settings(max_examples=400)
@given(text=TEXTS, edits=_EDITS)
@example(text='a = """"""', edits=[])
@example(text='a = """"""\n', edits=[])
@example(text='a = ""\nb = """x"""', edits=[])
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
