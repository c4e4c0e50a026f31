"""Whether an audit rule of the kernel applies to something that a process does: what the kernel would decide.

Source: audit_filter_rules in the kernel's kernel/auditsc.c. A condition on a label asks the security module; without
one that knows the field, and for a type that its policy lacks, the condition is false for `=` and `!=` alike.
"""

from __future__ import annotations

import operator
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from virtwarden.formats.auditfields import Field
from virtwarden.formats.auditrules import Rule
from virtwarden.lab import UNSET, Act, Ourselves, Way

LETTER = {Way.MAKE: "w", Way.APPEND: "w", Way.READ: "r", Way.MODE: "a", Way.EXECUTE: "x"}
_CALLS = {
    Way.MAKE: frozenset(("open", "openat", "creat")),
    Way.APPEND: frozenset(("open", "openat")),
    Way.READ: frozenset(("open", "openat")),
    Way.MODE: frozenset(("chmod", "fchmodat")),
    Way.EXECUTE: frozenset(("execve",)),
}
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ROOT_IS = frozenset(("uid", "euid", "suid", "fsuid", "gid", "egid", "sgid", "fsgid"))
_ELSEWHERE = frozenset(("path", "dir", "watch", "perm", "arch", "key"))
_APPARMOR_KNOWS = "subj_role"


class Verdict(IntEnum):
    """Whether a condition, or a whole rule, holds; the least of its conditions decides."""

    NEVER = 0  # for nobody on this host
    UNMET = 1
    UNSURE = 2
    MET = 3


@dataclass(frozen=True, slots=True)
class World:
    """What decides besides the act: who we are, the security module (None where it is not known), whether the policy
    has a type, and which program a file becomes when it is started: a script, its interpreter."""

    ourselves: Ourselves
    lsm: str | None
    knows_type: Callable[[str], bool | None]
    becomes: Callable[[str], str] = str


@dataclass(frozen=True, slots=True)
class Match:
    """How a rule came out, and the condition that decided, in words; empty where it holds for sure."""

    verdict: Verdict
    why: str = ""


def match(rule: Rule, act: Act, world: World) -> Match:
    """Whether this rule would apply to this act."""
    if rule.list != "exit":
        return Match(Verdict.UNMET, f"the list {rule.list} is not about what programs do")
    found = [_place(rule, act), _letter(rule, act), _call(rule, act), _width(rule, act)]
    found += [_condition(each, act, world) for each in rule.fields if each.name not in _ELSEWHERE]
    return min(found, key=lambda each: each.verdict)


def _place(rule: Rule, act: Act) -> Match:
    if rule.target is None:
        return Match(Verdict.MET)
    target, path = _settled(rule.target), _settled(act.path)
    if rule.get("path") is None:
        here = target == path or path.startswith(f"{target.rstrip('/')}/")
    else:  # a directory's own rule sees what is made in it, but not what is done to that afterwards
        here = target == path and (act.way is Way.MAKE or not act.inside)
    return Match(Verdict.MET) if here else Match(Verdict.UNMET, f"it is about {rule.target}")


@lru_cache(1 << 12)
def _settled(path: str) -> str:
    """The path with the links on the way followed, but not one at its end: the kernel watches that itself."""
    head, _, tail = path.rstrip("/").rpartition("/")
    return f"{os.path.realpath(head or '/').rstrip('/')}/{tail}"


def _letter(rule: Rule, act: Act) -> Match:
    perm = rule.get("perm")
    if perm is None or LETTER[act.way] in perm:
        return Match(Verdict.MET)
    return Match(Verdict.UNMET, f"it is about perm={perm}")


def _call(rule: Rule, act: Act) -> Match:
    if rule.syscalls in ((), ("all",)) or not _CALLS[act.way].isdisjoint(rule.syscalls):
        return Match(Verdict.MET)
    return Match(Verdict.UNMET, f"it is about the system calls {', '.join(rule.syscalls)}")


def _width(rule: Rule, act: Act) -> Match:
    arch = rule.get("arch")
    return Match(Verdict.MET) if arch in (None, act.width) else Match(Verdict.UNMET, f"it is about arch={arch}")


def _condition(each: Field, act: Act, world: World) -> Match:
    said = str(each)
    if each.compares:
        return _compared(each, act, world)
    if each.name.startswith(("subj_", "obj_")) and each.name not in ("obj_uid", "obj_gid"):
        return _labelled(each, world)
    known = _number(each.name, act, world)
    if known is not None:
        return _numeric(each, known)
    match each.name:
        case "exe":
            same = os.path.realpath(each.value) == os.path.realpath(_program(act, world))
            return Match(Verdict.MET) if same is (each.operator == "=") else Match(Verdict.UNMET, said)
        case "pid" | "ppid" | "saddr_fam":
            return Match(Verdict.UNMET, said)
        case _:
            return Match(Verdict.UNSURE, said)


def _program(act: Act, world: World) -> str:
    """What the process runs when its system call ends."""
    if act.way is Way.EXECUTE and not act.inside:
        return world.becomes(act.path)
    return act.program or world.ourselves.program


def _number(name: str, act: Act, world: World) -> int | None:
    if name in _ROOT_IS:
        return 0
    if name == "auid":
        return world.ourselves.login if act.login is None else act.login
    return None


def _numeric(each: Field, known: int) -> Match:
    value = UNSET if each.value == "unset" else int(each.value) if each.value.isdigit() else None
    if value is None or each.operator not in _COMPARE:
        return Match(Verdict.UNSURE, str(each))
    met = _COMPARE[each.operator](known, value)
    return Match(Verdict.MET) if met else Match(Verdict.UNMET, str(each))


def _compared(each: Field, act: Act, world: World) -> Match:
    left, right = (_number(name, act, world) for name in (each.name, each.value))
    if left is None or right is None:
        return Match(Verdict.UNSURE, str(each))
    return Match(Verdict.MET) if (left == right) is (each.operator == "=") else Match(Verdict.UNMET, str(each))


def _labelled(each: Field, world: World) -> Match:
    if world.lsm is None:
        return Match(Verdict.UNSURE, str(each))
    if world.lsm != "selinux" and not (world.lsm == "apparmor" and each.name == _APPARMOR_KNOWS):
        knows = "AppArmor does not know" if world.lsm == "apparmor" else "no security module on this host knows"
        return Match(Verdict.NEVER, f"{knows} {each.name}, so {each} is never true")
    if not each.name.endswith("_type"):
        return Match(Verdict.UNSURE, str(each))
    if world.knows_type(each.value) is False:
        return Match(Verdict.NEVER, f"the SELinux policy has no type {each.value}, so {each} is never true")
    if each.name != "subj_type" or not world.ourselves.type:
        return Match(Verdict.UNSURE, str(each))
    met = (each.value == world.ourselves.type) is (each.operator == "=")
    return Match(Verdict.MET) if met else Match(Verdict.UNMET, str(each))
