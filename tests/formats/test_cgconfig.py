"""libcgroup's files."""

from __future__ import annotations

import pytest

from tests.fuzz.targets import CGCONFIG, CGRULES
from virtwarden.formats import Malformed, cgconfig
from virtwarden.formats.cgconfig import Rule, Section
from virtwarden.formats.keyvalue import Pair


def test_mounts_groups_and_permissions() -> None:
    mount, group, default = cgconfig.parse(CGCONFIG)
    assert mount == Section(
        "mount", "", (Pair("cpu", "/cgroup/cpu", 1), Pair("name=systemd", "/cgroup/systemd", 1)), (), 1
    )
    assert (group.kind, group.name, group.line) == ("group", "daemons/www", 2)
    cpu, perm = group.part("cpu"), group.part("perm")
    assert cpu is not None
    assert cpu.get("cpu.shares") == Pair("cpu.shares", "1000", 4)
    assert perm is not None
    task = perm.part("task")
    assert task is not None
    assert task.get("gid") == Pair("gid", "webmaster", 3)
    assert task.get("fperm") is None
    assert default.kind == "default"
    assert group.part("memory") is None


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("", []),
        ("# nothing\n", []),
        ("group a { }\n", [("group", "a")]),
        ('group "a b" { cpu { } }', [("group", "a b")]),
        ("group a/b { memory { memory.limit_in_bytes = 1G; } }\ntemplate c/%u { cpu {} };\n",
         [("group", "a/b"), ("template", "c/%u")]),
        ("namespace { cpu = a; }", [("namespace", "")]),
    ],
)  # fmt: skip
def test_sections(text: str, sections: list[tuple[str, str]]) -> None:
    assert [(section.kind, section.name) for section in cgconfig.parse(text)] == sections


def test_of_two_equal_keys_the_last_one_holds() -> None:
    (group,) = cgconfig.parse("group a { cpu { cpu.shares = 1;\ncpu.shares = 2; } }")
    cpu = group.part("cpu")
    assert cpu is not None
    assert cpu.get("cpu.shares") == Pair("cpu.shares", "2", 2)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("group", 1),
        ("group a\n{\n", 2),
        ("group a { cpu { cpu.shares = 1 } }", 1),
        ("group a { cpu {\ncpu.shares = ; } }", 2),
        ("nonsense a { }", 1),
        ('group "a\n{ }', 1),
        ("}", 1),
        ("group a { } }", 1),
        ("\n" + "group { " * 60, 2),
        ("=;", 1),
    ],
)
def test_what_the_service_refuses_is_malformed(text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        cgconfig.parse(text)
    assert refused.value.line == line


def test_rules() -> None:
    assert cgconfig.rules(f"# who what where\n{CGRULES}*\t*  default/  # the rest\n") == (
        Rule("student", None, ("devices",), "/usergroup/students", (), 2),
        Rule("@admin", "cp", ("cpu", "memory"), "admins/", ("ignore",), 3),
        Rule("%", None, ("cpuset",), "x", (), 4),
        Rule("*", None, ("*",), "default/", (), 5),
    )


def test_a_rule_without_a_destination_is_malformed() -> None:
    with pytest.raises(Malformed) as refused:
        cgconfig.rules("a cpu b\n* cpu\n")
    assert refused.value.line == 2
