"""Sectioned files: units, drop-ins, NetworkManager's keyfiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.formats import Malformed, ini
from virtwarden.formats.ini import Entry

UNIT = """\
\ufeff# a unit
Stray=before any section
[Unit]
Description=one \\
  # a comment within
; and another
  two
[Service]
ExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS
ExecStart=/second
no equals sign
=no key
Environment = "A=b c" \r
Two=a\\\\
[Service]
[Install]
WantedBy=
"""


def read(text: str) -> list[tuple[str, str, str, int]]:
    return [(entry.section, entry.key, entry.value, entry.line) for entry in ini.parse(text)]


def test_a_unit() -> None:
    assert read(UNIT) == [
        ("Unit", "Description", "one  two", 4),
        ("Service", "ExecStart", "/usr/sbin/libvirtd $LIBVIRTD_ARGS", 9),
        ("Service", "ExecStart", "/second", 10),
        ("Service", "Environment", '"A=b c"', 13),
        ("Service", "Two", "a\\\\", 14),
        ("Install", "WantedBy", "", 17),
    ]


def test_a_keyfile() -> None:
    text = "[connection]\nid=br-v19\ntype=bridge\n\n[bridge]\nstp=false\n[vlan]\nid=19\n[ipv4]\nmethod=manual\n"
    entries = ini.parse(text)
    assert ini.sections(entries) == ("connection", "bridge", "vlan", "ipv4")
    assert ini.last(entries, "vlan", "id") == Entry("vlan", "id", "19", 8)
    assert ini.last(entries, "vlan", "ID") is None


def test_an_empty_assignment_begins_the_list_anew_across_drop_ins() -> None:
    unit = ini.parse("[Service]\nExecStart=/a\nExecStart=/b\n[Socket]\nExecStart=/other\n", "a.service")
    drop_in = ini.parse("[Service]\nExecStart=\nExecStart=/c\n", "a.service.d/x.conf")
    assert ini.every(unit, "Service", "ExecStart") == unit[:2]
    assert ini.every(unit + drop_in, "Service", "ExecStart") == (drop_in[1],)
    assert ini.every((*unit, drop_in[0]), "Service", "ExecStart") == ()
    assert drop_in[1].path == "a.service.d/x.conf"
    assert ini.last(unit + drop_in, "Service", "ExecStart") == drop_in[1]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[A]\nk=a\\\nb\n", "a b"),
        ("[A]\nk=a\\\n\nb=c\n", "a"),
        ("[A]\nk=a\\", "a"),
        ("[A]\nk=a\\\\\nb=c\n", "a\\\\"),
        ("[A]\nk=a\\ \nb=c\n", "a\\"),
        ("[A]\nk=\\\n#x\n\\\nb\n", "b"),
        ("[A]\nk = # no comment \n", "# no comment"),
    ],
)
def test_continued_lines(text: str, value: str) -> None:
    assert read(text)[0][2] == value


def test_a_header_that_is_not_closed_is_malformed() -> None:
    with pytest.raises(Malformed) as refused:
        ini.parse("[Unit]\n\n[Service\nA=1\n")
    assert refused.value.line == 3


NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,6}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\\"), max_size=12).map(
    lambda text: text.strip(" \t")
)


@given(st.lists(st.tuples(NAMES, NAMES, VALUES)))
def test_what_is_written_is_read(written: list[tuple[str, str, str]]) -> None:
    text = "".join(f"[{section}]\n {key}\t= {value} \n" for section, key, value in written)
    assert [(section, key, value) for section, key, value, _ in read(text)] == written
