"""A rule taken apart so that it can be put right and written again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from virtwarden.formats.auditfields import Field
from virtwarden.formats.auditrules import Rule
from virtwarden.ruleset.lint.remark import Around

_ORDER = ("watch", "path", "dir", "perm", "subj_type", "obj_type", "exe", "auid")
_OLD_WATCH = re.compile(r"\s*-w\s*(?P<path>\S+)")
_OF_FILES = ("bin", "sbin", "libexec", "dev", "sysconfig", "default")
"""Directories whose entries are files, though their names have no ending."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule's parts: `conditions` without its kind of calls, which is `arch`, None where it has none."""

    action: str
    on: str
    arch: str | None
    syscalls: tuple[str, ...]
    conditions: tuple[Field, ...]
    keys: tuple[str, ...]

    def value(self, name: str) -> str | None:
        """The value that a field must equal."""
        return next((each.value for each in self.conditions if each.name == name and each.operator == "="), None)

    @property
    def target(self) -> str | None:
        """The path that it speaks of."""
        return self.value("dir") or self.value("path")

    def excluded(self, name: str) -> frozenset[str]:
        """The values that a field must not equal."""
        return frozenset(each.value for each in self.conditions if (each.name, each.operator) == (name, "!="))

    def without(self, *gone: Field) -> Draft:
        """The same without these conditions."""
        return replace(self, conditions=tuple(each for each in self.conditions if each not in gone))

    def having(self, *more: Field) -> Draft:
        """The same with these conditions besides, each in its place and once."""
        every = dict.fromkeys((*self.conditions, *more))
        return replace(self, conditions=tuple(sorted(every, key=_place)))

    def at(self, kind: str, path: str) -> Draft:
        """The same for another path."""
        here = [each for each in self.conditions if each.name in ("path", "dir")]
        return self.without(*here).having(Field(kind, "=", path))

    def lines(self, arches: tuple[str, ...]) -> Iterator[str]:
        """The rule as lines, one for each kind of calls that it did not choose itself."""
        if self.on not in ("exit", "filesystem"):
            yield self._line(self.arch)
            return
        for arch in arches if self.arch is None or (self.arch not in arches and arches) else (self.arch,):
            yield self._line(arch)

    def _line(self, arch: str | None) -> str:
        words = [f"-a {self.action},{self.on}"]
        words += [f"-F arch={arch}"] if arch else []
        words += [f"-S {','.join(self.syscalls)}"] if self.syscalls and self.syscalls != ("all",) else []
        words += [str(each) for each in self.conditions]
        return " ".join((*words, *(f"-F key={key}" for key in self.keys)))


def of_rule(rule: Rule, around: Around) -> Draft:
    """A rule taken apart."""
    kind = "dir" if _is_of_directory(rule, around) else "path"
    fields = [replace(each, name=kind) if each.name == "watch" else each for each in rule.fields]
    conditions = tuple(sorted((each for each in fields if each.name != "arch"), key=_place))
    return Draft(rule.action, rule.list, rule.get("arch"), rule.syscalls, conditions, rule.keys)


def _is_of_directory(rule: Rule, around: Around) -> bool:
    """Whether a watch is of a whole directory: auditctl looks when it loads a `-w`, and so does whoever knows the host.
    What every boot makes anew is not there when it looks. Without a host its name has to tell."""
    watched = _OLD_WATCH.match(rule.text)
    if watched is None:
        return "dir=" in rule.text
    path = watched["path"].rstrip("/") or "/"
    if path.startswith(("/run/", "/var/run/")) and not around.before_rules_d:
        return False
    if around.directories is not None:
        return path in around.directories
    parent, _, name = path.rpartition("/")
    of_files = parent.rpartition("/")[2] in _OF_FILES
    return watched["path"].endswith("/") or name.endswith(".d") or ("." not in name and not of_files)


def _place(each: Field) -> int:
    return _ORDER.index(each.name) if each.name in _ORDER else len(_ORDER)
