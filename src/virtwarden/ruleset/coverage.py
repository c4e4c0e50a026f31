"""Whether rules record what happens to a place, and for which kinds of system calls."""

from __future__ import annotations

from collections.abc import Iterable

from virtwarden.facts.audit_places import Watched
from virtwarden.formats.auditfields import Field
from virtwarden.formats.auditrules import Rule

_NARROWING = frozenset(("arch", "path", "dir", "watch", "perm"))
_LOGGED_IN = Field("auid", "!=", "unset")
_BOTH = frozenset(("b64", "b32"))


def records(rule: Rule) -> bool:
    """Whether a rule makes records of what happens to a path at all."""
    return rule.action == "always" and rule.list == "exit" and rule.target is not None and rule.verb != "delete"


def kinds_covered(rules: Iterable[Rule], watched: Watched, names: frozenset[str]) -> frozenset[str]:
    """The kinds of system calls, b64 and b32, for which these rules record what is asked of a place that has these
    names. Rules that leave out certain types or programs count; those that ask for more than that do not."""
    kinds: frozenset[str] = frozenset()
    for rule in rules:
        if covers(rule, watched, names):
            arch = rule.get("arch")
            kinds |= _BOTH if arch is None else {arch}
    return kinds


def covers(rule: Rule, watched: Watched, names: frozenset[str]) -> bool:
    """Whether one rule does, whatever its kind of calls."""
    target = (rule.target or "").rstrip("/")
    tree = rule.get("dir") is not None or rule.is_watch
    here = target in names or (tree and any(name.startswith(f"{target}/") for name in names))
    asked = set(watched.perm) <= set(rule.get("perm") or "rwxa") and rule.syscalls == ("all",)
    return here and asked and all(_harmless(each, watched) for each in rule.fields)


def _harmless(each: Field, watched: Watched) -> bool:
    if each == _LOGGED_IN:
        return watched.by_people
    return each.name in _NARROWING or (each.operator == "!=" and each.name in ("subj_type", "exe"))
