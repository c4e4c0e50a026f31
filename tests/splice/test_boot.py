"""Edits of the kernel's arguments and of the boot loaders' files that hold them."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.edits import Edit, RemoveLine, SetLine
from virtwarden.model import Document
from virtwarden.splice import CannotApply, apply
from virtwarden.splice.boot import boot_arguments

DEFAULTS = "/etc/default/grub"
ENTRY = "/boot/loader/entries/abc-6.1.conf"
MENU = "/boot/grub/menu.lst"
ENVIRONMENT = "/boot/grub2/grubenv"
CMDLINE = "/etc/kernel/cmdline"

AUDIT = SetLine("audit", "1", "=")
UNMITIGATED = RemoveLine("mitigations=off")


@pytest.mark.parametrize(
    ("line", "name", "value", "expected"),
    [
        ("", "audit", "1", "audit=1"),
        ("quiet", "audit", "1", "quiet audit=1"),
        ("quiet  splash \n", "audit", "1", "quiet  splash audit=1 \n"),
        ("audit=0 quiet", "audit", "1", "audit=1 quiet"),
        ("audit=0  audit=2", "audit", "1", "audit=0  audit=1"),
        ("audit", "audit", "1", "audit=1"),
        ("quiet", "nosmt", "", "quiet nosmt"),
        ("audit_backlog-limit=64", "audit-backlog_limit", "8192", "audit-backlog_limit=8192"),
        ('x="a b" audit=0', "x", "c", "x=c audit=0"),
        ('"x=a b" audit=0', "audit", "1", '"x=a b" audit=1'),
        (r"x=\"a audit=0\" y", "audit", "1", r"x=\"a audit=0\" y audit=1"),
        ("quiet", "x", "a b", 'quiet x="a b"'),
        ("quiet -- audit=0", "audit", "1", "quiet audit=1 -- audit=0"),
        ("-- single", "audit", "1", "audit=1 -- single"),
        ("a mitigations=off b", "mitigations", None, "a b"),
        ("mitigations=off  b", "mitigations", None, "b"),
        ("a mitigations=off", "mitigations=off", None, "a"),
        ("mitigations=auto mitigations=off b", "mitigations=off", None, "mitigations=auto b"),
        ("nopti a nopti", "nopti", None, "a"),
        ("spec-store-bypass-disable=off", "spec_store_bypass_disable=off", None, ""),
        ("a -- nopti", "nopti", None, "a -- nopti"),
        (" a b", "c", None, " a b"),
        ("mitigations=offline", "mitigations=off", None, "mitigations=offline"),
    ],
)
def test_arguments(line: str, name: str, value: str | None, expected: str) -> None:
    assert boot_arguments(line, name, value) == expected


GRUB = 'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet"\nGRUB_CMDLINE_LINUX="console=ttyS0"\n'


@pytest.mark.parametrize(
    ("path", "edit", "text", "expected"),
    [
        (DEFAULTS, AUDIT, GRUB, GRUB.replace("ttyS0", "ttyS0 audit=1")),
        (DEFAULTS, AUDIT, "GRUB_CMDLINE_LINUX=quiet # x\n", 'GRUB_CMDLINE_LINUX="quiet audit=1" # x\n'),
        (DEFAULTS, AUDIT, "GRUB_CMDLINE_LINUX=\n", "GRUB_CMDLINE_LINUX=audit=1\n"),
        (DEFAULTS, AUDIT, "GRUB_CMDLINE_LINUX=''\n", "GRUB_CMDLINE_LINUX='audit=1'\n"),
        (DEFAULTS, AUDIT, "GRUB_TIMEOUT=1", 'GRUB_TIMEOUT=1\nGRUB_CMDLINE_LINUX="audit=1"\n'),
        (
            DEFAULTS,
            AUDIT,
            'GRUB_CMDLINE_LINUX_DEFAULT="audit=0"\nGRUB_CMDLINE_LINUX=""\n',
            'GRUB_CMDLINE_LINUX_DEFAULT="audit=1"\nGRUB_CMDLINE_LINUX="audit=1"\n',
        ),
        (
            DEFAULTS,
            AUDIT,
            'GRUB_CMDLINE_LINUX="audit=0"\nGRUB_CMDLINE_LINUX="a"\n',
            'GRUB_CMDLINE_LINUX="audit=1"\nGRUB_CMDLINE_LINUX="a audit=1"\n',
        ),
        (
            "/etc/default/grub.d/50.cfg",
            AUDIT,
            'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a"\n',
            'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX a audit=1"\n',
        ),
        (
            DEFAULTS,
            UNMITIGATED,
            'GRUB_CMDLINE_LINUX_DEFAULT="mitigations=off"\nGRUB_CMDLINE_LINUX="a mitigations=off"\n',
            'GRUB_CMDLINE_LINUX_DEFAULT=""\nGRUB_CMDLINE_LINUX="a"\n',
        ),
        (DEFAULTS, UNMITIGATED, GRUB, GRUB),
        (ENTRY, AUDIT, "title x\noptions root=/dev/sda ro\n", "title x\noptions root=/dev/sda ro audit=1\n"),
        (ENTRY, AUDIT, "options audit=0 a\noptions b\n", "options audit=1 a\noptions b\n"),
        (ENTRY, AUDIT, "options $kernelopts\r\nid x\r\n", "options $kernelopts audit=1\r\nid x\r\n"),
        (ENTRY, AUDIT, "title x", "title x\noptions audit=1\n"),
        (ENTRY, UNMITIGATED, "options mitigations=off a\noptions mitigations=off\n", "options a\noptions\n"),
        (
            MENU,
            AUDIT,
            "title a\n\tkernel /vmlinuz ro\n\tinitrd /i\ntitle b\n  kernel /vmlinuz-b\n",
            "title a\n\tkernel /vmlinuz ro audit=1\n\tinitrd /i\ntitle b\n  kernel /vmlinuz-b audit=1\n",
        ),
        (CMDLINE, AUDIT, "\nroot=/dev/sda ro\n", "\nroot=/dev/sda ro audit=1\n"),
        (CMDLINE, AUDIT, "", "audit=1"),
        ("kernel line", UNMITIGATED, "ro mitigations=off quiet", "ro quiet"),
        (
            ENVIRONMENT,
            AUDIT,
            "# GRUB Environment Block\nkernelopts=root=/dev/sda ro\nsaved_entry=x\n##########",
            "# GRUB Environment Block\nkernelopts=root=/dev/sda ro audit=1\nsaved_entry=x\n##",
        ),
    ],
)
def test_files(path: str, edit: Edit, text: str, expected: str) -> None:
    assert apply(edit, text, Document("boot", path)) == expected
    assert apply(edit, expected, Document("boot", path)) == expected


@pytest.mark.parametrize(
    ("path", "edit", "text", "why"),
    [
        ("/boot/grub/grub.cfg", AUDIT, "linux /vmlinuz ro\n", "made by a tool"),
        (DEFAULTS, AUDIT, None, "no such document"),
        (DEFAULTS, AUDIT, 'GRUB_CMDLINE_LINUX="a" "b"\n', "more than is understood"),
        (DEFAULTS, AUDIT, "GRUB_CMDLINE_LINUX=$(cat x)y' z'\n", "more than is understood"),
        (DEFAULTS, SetLine("x", "a b", "="), GRUB, "by hand"),
        (CMDLINE, AUDIT, 'ro audit=1" quiet\n', "never closed"),
        (CMDLINE, SetLine("x", 'a"b', "="), "ro\n", "cannot hold a quote"),
        (ENVIRONMENT, AUDIT, "kernelopts=ro\n###", "no room"),
        (ENVIRONMENT, AUDIT, "saved_entry=x\n###########", "no kernelopts"),
    ],
)
def test_what_cannot_be_done_is_said(path: str, edit: Edit, text: str | None, why: str) -> None:
    with pytest.raises(CannotApply, match=why):
        apply(edit, text, Document("boot", path))


WORDS = st.sampled_from(["a", "a=1", "b=x", "c-d=2", 'e="f g"', "c_d", "quiet"])
LINES = st.tuples(st.lists(WORDS, max_size=6), st.sampled_from([" ", "  ", "\t"])).map(
    lambda it: it[1].join(it[0])
)
NAMES = st.sampled_from(["a", "b", "c_d", "new"])


def values(line: str) -> dict[str, str]:
    """What the kernel makes of a line."""
    return {
        name.replace("-", "_"): value for name, _, value in (word.partition("=") for word in shlex.split(line))
    }


@given(line=LINES, name=NAMES, value=st.sampled_from(["", "1", "off"]))
def test_what_was_put_is_what_the_kernel_gets(line: str, name: str, value: str) -> None:
    after = boot_arguments(line, name, value)
    assert values(after) == values(line) | {name: value}
    assert boot_arguments(after, name, value) == after
    without = boot_arguments(after, name, None)
    assert name not in values(without)
    assert boot_arguments(without, name, None) == without
    if name not in values(line):
        assert without == line


@given(line=LINES, names=st.lists(NAMES, min_size=2, max_size=2, unique=True), value=st.none() | st.just("z"))
def test_edits_of_different_arguments_commute(line: str, names: list[str], value: str | None) -> None:
    one, other = names
    there = boot_arguments(boot_arguments(line, one, "y"), other, value)
    back = boot_arguments(boot_arguments(line, other, value), one, "y")
    assert values(there) == values(back)


def test_a_shell_itself_reads_the_defaults(tmp_path: Path) -> None:
    if shutil.which("sh") is None:
        pytest.skip("there is no shell")
    after = apply(AUDIT, GRUB, Document("boot", DEFAULTS))
    assert after is not None
    (tmp_path / "grub").write_text(after)
    argv = ["sh", "-c", '. "$1"; printf "%s|%s" "$GRUB_CMDLINE_LINUX" "$GRUB_CMDLINE_LINUX_DEFAULT"', "sh"]
    said = subprocess.run([*argv, str(tmp_path / "grub")], capture_output=True, text=True, timeout=20, check=True)
    assert said.stdout == "console=ttyS0 audit=1|quiet"
