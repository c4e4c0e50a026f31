"""Line-oriented settings files: what a shell sources, held against the shell, and the plainer ones."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.formats import Malformed, keyvalue
from virtwarden.formats.keyvalue import Pair, assignments, settings, sysctl_key

SOURCED = r"""# /etc/default/something
PLAIN=value
EMPTY=
QUOTED="two words"
SINGLE='two $PLAIN "words"'
export EXPORTED=yes
  INDENTED=1
	TABBED=2
MIXED=a"b c"'d e'f
ESCAPED=a\ b\"c
IN_DOUBLE="a \"b\" \\ \$PLAIN \x"
COMMENTED=value # not this
HASH=a#b
HASH_QUOTED="a # b"
TRAILING=value\x20\x20
JOINED=one\
two
OVER_LINES="one
two"
JOINED_IN_QUOTES="one \
two"
FIRST=1; SECOND=2
USES="$PLAIN ${QUOTED}-x $"
APPENDED=one
APPENDED+=" two"
AGAIN=first
AGAIN=last
LAST=no-newline""".replace(r"\x20", " ")


def test_a_shell_reads_the_same(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash to ask")
    file = tmp_path / "sourced"
    file.write_text(SOURCED)
    ours = {pair.key: pair.value for pair in assignments(SOURCED)}
    script = f". {shlex.quote(str(file))}; " + "; ".join(f'printf "%s\\0" "${name}"' for name in ours)
    told = subprocess.run([bash, "-c", script], capture_output=True, text=True, check=True).stdout
    assert ours == dict(zip(ours, told.split("\0"), strict=False))


def test_lines_are_told_past_joined_and_open_ones() -> None:
    lines = {pair.key: pair.line for pair in assignments(SOURCED)}
    numbered = SOURCED.split("\n")
    assert all(f"{key}=" in numbered[line - 1] or f"{key}+=" in numbered[line - 1] for key, line in lines.items())


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", []),
        ("\n\n# A=1\n", []),
        ('LIBVIRTD_ARGS=--listen --config "/etc/x y"\n', [("LIBVIRTD_ARGS", "--listen --config /etc/x y")]),
        ("A= spaced \nB=#x\nC= #x\nD=\n", [("A", "spaced"), ("B", "#x"), ("C", ""), ("D", "")]),
        ("A=1\r\nB=2\r\n", [("A", "1"), ("B", "2")]),
        ("if [ -r /etc/x ]; then\n. /etc/x\nfi\nA=1\n", [("A", "1")]),
        ("A = 1\n", []),
        ("NAME='Debian GNU/Linux'\nID=debian\n", [("NAME", "Debian GNU/Linux"), ("ID", "debian")]),
        ("A=$UNKNOWN/x\n", [("A", "$UNKNOWN/x")]),
        ("A=$(hostname)\n", [("A", "$(hostname)")]),
        ("A=\"caf\u00e9 \udcff\"\n", [("A", "caf\u00e9 \udcff")]),
        ("BRIDGE='yes'\nBRIDGE_PORTS='eth0.19'\n", [("BRIDGE", "yes"), ("BRIDGE_PORTS", "eth0.19")]),
    ],
)  # fmt: skip
def test_assignments(text: str, pairs: list[tuple[str, str]]) -> None:
    assert [(pair.key, pair.value) for pair in assignments(text)] == pairs


def test_known_values_are_put_in_for_drop_ins() -> None:
    dropped = assignments('GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX audit=1"\n', {"GRUB_CMDLINE_LINUX": "quiet"})
    assert dropped == (Pair("GRUB_CMDLINE_LINUX", "quiet audit=1", 1),)


@pytest.mark.parametrize(("text", "line"), [("A=1\nB='open\n\nC=2\n", 2), ('A="open', 1), ("A=b'c\n", 1)])
def test_a_quote_that_is_never_closed_is_malformed(text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        assignments(text)
    assert refused.value.line == line


@pytest.mark.parametrize(
    "text",
    [
        "A=0123456789\n" + 'A="$A$A"\n' * 200,
        f"A={'a' * 30000}\nB={'$A' * 15000}\n",
        f"A={'a' * 30000}\nB={' $A' * 10000}\n",
        f"A={'a' * 30000}\n" + "B=$A\n" * 6000,
        f"A={'a' * 30000}\n" + "A+=$A\n" * 40,
    ],
)
def test_values_that_feed_on_themselves_are_malformed_and_no_bomb(text: str) -> None:
    with pytest.raises(Malformed, match="too"):
        assignments(text)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)


@given(written=st.lists(st.tuples(NAMES, st.text(st.characters(exclude_characters="\0")))))
def test_what_is_quoted_comes_back(written: list[tuple[str, str]]) -> None:
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in written)
    assert [(pair.key, pair.value) for pair in assignments(text)] == written


@pytest.mark.parametrize(
    ("text", "separator", "pairs"),
    [
        ("max_log_file = 8\nflush=DATA\n", "=", [("max_log_file", "8", 1), ("flush", "DATA", 2)]),
        ("# c\n\n  a = b = c # d\n", "=", [("a", "b = c # d", 3)]),
        ("mech_list: scram-sha-256 gssapi\r\n", ":", [("mech_list", "scram-sha-256 gssapi", 1)]),
        ("UMASK\t\t077\nEMPTY\n", " ", [("UMASK", "077", 1), ("EMPTY", "", 2)]),
        ("no separator\n=x\n", "=", [("no separator", "", 1), ("", "x", 2)]),
    ],
)
def test_settings(text: str, separator: str, pairs: list[tuple[str, str, int]]) -> None:
    assert [(pair.key, pair.value, pair.line) for pair in settings(text, separator)] == pairs


def test_the_characters_that_begin_a_comment_can_be_chosen() -> None:
    assert settings("; a\n# b\nc = 1\n", comments="#;") == (Pair("c", "1", 3),)
    assert [pair.key for pair in settings("; a\n# b\nc = 1\n")] == ["; a", "c"]


def test_first_and_last_of_a_key() -> None:
    pairs = settings("a = 1\nb = 2\na = 3\n")
    assert keyvalue.first(pairs, "a") == Pair("a", "1", 1)
    assert keyvalue.last(pairs, "a") == Pair("a", "3", 3)
    assert keyvalue.first(pairs, "c") is None
    assert keyvalue.last(pairs, "c") is None


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("net.ipv4.ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net.ipv4.conf.eth0/19.forwarding", "net.ipv4.conf.eth0/19.forwarding"),
        ("net/ipv4/conf/eth0.19/forwarding", "net.ipv4.conf.eth0/19.forwarding"),
        ("-net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-iptables"),
        ("- net/ipv4/ip_forward", "net.ipv4.ip_forward"),
        ("net.ipv4.conf.*.rp_filter", "net.ipv4.conf.*.rp_filter"),
        ("vm", "vm"),
        ("", ""),
    ],
)
def test_a_kernel_parameter_has_one_spelling(written: str, key: str) -> None:
    assert sysctl_key(written) == key
