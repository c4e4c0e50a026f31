"""The language of audit.rules and of `auditctl -l`: rules, watches and control lines.

Rules are equal when they ask the kernel for the same, however they are spelled and wherever they stand, so
that what a file asks for and what is loaded can be compared as sets. A line that auditctl would refuse becomes
a `Broken` entry: the lines around it are still to be judged, and the load ends there. Sources: audit.rules(7),
auditctl(8).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from virtwarden.formats import Malformed, auditcalls, auditfields
from virtwarden.formats.auditfields import Field

Verb = Literal["append", "prepend", "delete"]

_ACTIONS = ("always", "never")
_LISTS = ("exit", "task", "user", "exclude", "filesystem", "io_uring")
_NO_SYSCALLS = ("task", "user", "exclude", "filesystem")
_ALL = ("all",)
_MOST_FIELDS = 64
_LONGEST_KEY = 256

_FLAGS = "hicslDvt"
_TAKE_VALUE = "CefrbaAdSFmRwWkpq"
_LONG_FLAGS = ("--loginuid-immutable", "--reset-lost", "--reset_backlog_wait_time_actual")
_LONG_TAKE_VALUE = ("--backlog_wait_time", "--signal")
_VERBS: dict[str, Verb] = {"-a": "append", "-A": "prepend", "-d": "delete", "-w": "append", "-W": "delete"}
_LEVELS = ("-e", "-f")
_COUNTS = ("-r", "-b", "--backlog_wait_time")
_ESCAPED = re.compile(r"\\([ \\])")
_WORD = re.compile(r"(?:\\[ \\]|[^ ])+")

_OLD_LISTING = "LIST_RULES: "
_OLD_HEX = re.compile(r" \(0x[0-9a-fA-F]{1,16}\)")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, in one spelling. Two are equal if they ask the kernel for the same, keys included, wherever they
    stand and whether they are put before the others or after them."""

    action: str
    list: str
    syscalls: tuple[str, ...]
    fields: tuple[Field, ...]
    keys: tuple[str, ...]
    verb: Verb = field(default="append", compare=False)
    line: int = field(default=0, compare=False)
    text: str = field(default="", compare=False)

    @property
    def is_watch(self) -> bool:
        """Whether it asks for nothing but a path and the ways of access to it, as `-w` does."""
        return any(each.name == "watch" for each in self.fields)

    @property
    def target(self) -> str | None:
        """The file or directory it speaks of."""
        return self.get("watch") or self.get("path") or self.get("dir")

    def get(self, name: str) -> str | None:
        """The value that the field `name` must equal."""
        return next((each.value for each in self.fields if each.name == name and each.operator == "="), None)

    def all_of(self, name: str) -> tuple[Field, ...]:
        """Every condition on the field `name`."""
        return tuple(each for each in self.fields if each.name == name)


@dataclass(frozen=True, slots=True)
class Control:
    """A line that sets the audit system up: `-D`, `-b 8192`, `-f 1`, `-e 2`, `-c`, `--loginuid-immutable` …"""

    option: str
    value: str
    line: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A line that auditctl or the kernel refuses, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Rules:
    """The lines of one file or listing by kind, each kind in order."""

    rules: tuple[Rule, ...]
    controls: tuple[Control, ...]
    broken: tuple[Broken, ...]

    def control(self, option: str) -> Control | None:
        """The last line that sets `option`, which holds."""
        return next((each for each in reversed(self.controls) if each.option == option), None)


def parse(text: str) -> Rules:
    """A rules file. Never raises: what cannot be understood is `broken`."""
    return _sorted(text, _line)


def listing(text: str) -> Rules:
    """What `auditctl -l` printed, in today's form or in that of RHEL 6."""
    return _sorted(text, _listed_line)


def _sorted(text: str, read: Callable[[str, int], Iterator[Rule | Control]]) -> Rules:
    rules: list[Rule] = []
    controls: list[Control] = []
    broken: list[Broken] = []
    for number, line in enumerate(text.split("\n"), 1):
        words = line.strip(" ")
        if not words or words.startswith("#"):
            continue
        try:
            for entry in read(words, number):
                if isinstance(entry, Rule):
                    rules.append(entry)
                else:
                    controls.append(entry)
        except Malformed as wrong:
            broken.append(Broken(number, line, str(wrong)))
    return Rules(tuple(rules), tuple(controls), tuple(broken))


def _listed_line(line: str, number: int) -> Iterator[Rule | Control]:
    if line == "No rules":
        return
    if line.startswith(_OLD_LISTING):
        yield _old_rule(line, number)
    else:
        yield from _line(line, number)


def _line(line: str, number: int) -> Iterator[Rule | Control]:
    options = [*_options([_ESCAPED.sub(r"\1", word) for word in _WORD.findall(line)])]
    if any(option in _VERBS for option, _ in options):
        yield _rule(options, number, line)
        return
    if [option for option, _ in options] == ["-D", "-k"]:
        yield Control("-D", options[1][1], number)
        return
    for option, value in options:
        yield _control(option, value, number)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """The words as options with their values, the way getopt_long takes them apart."""
    rest = iter(words)
    for word in rest:
        if word.startswith("--"):
            yield _long_option(word, rest)
            continue
        if not word.startswith("-") or word == "-":
            raise Malformed(f"{word} belongs to no option")
        for at, letter in enumerate(word[1:], 1):
            if letter in _FLAGS:
                yield f"-{letter}", ""
                continue
            if letter not in _TAKE_VALUE:
                raise Malformed(f"there is no option -{letter}")
            value = word[at + 1 :] or next(rest, None)
            if value is None:
                raise Malformed(f"-{letter} has no value")
            yield f"-{letter}", value
            break


def _long_option(word: str, rest: Iterator[str]) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if name in _LONG_FLAGS and not equals:
        return name, ""
    if name not in _LONG_TAKE_VALUE:
        raise Malformed(f"there is no option {word}")
    given = value if equals else next(rest, None)
    if given is None:
        raise Malformed(f"{name} has no value")
    return name, given


def _control(option: str, value: str, number: int) -> Control:
    if option in _LEVELS and value not in ("0", "1", "2"):
        raise Malformed(f"{option} takes 0, 1 or 2, not {value}")
    if option in _COUNTS and not (value[:1].isascii() and value[:1].isdigit()):
        raise Malformed(f"{option} takes a number, not {value}")
    if option in ("-S", "-F", "-C", "-k", "-p"):
        raise Malformed(f"{option} needs a rule or a watch before it")
    if option in ("-R", "-h", "-l"):
        raise Malformed(f"{option} cannot stand in a rules file")
    return Control(option, value, number)


def _rule(options: list[tuple[str, str]], number: int, text: str) -> Rule:
    at = next(index for index, (option, _) in enumerate(options) if option in _VERBS)
    if at:
        raise Malformed(f"{options[0][0]} needs a rule or a watch before it")
    (option, value), *more = options
    if option in ("-w", "-W"):
        draft = _Draft("always", "exit")
        draft.watch(value)
    else:
        draft = _Draft(*_action_and_list(value))
    for name, given in more:
        draft.add(name, given)
    return draft.rule(_VERBS[option], number, text)


def _action_and_list(value: str) -> tuple[str, str]:
    words = value.split(",")
    actions = [word for word in words if word in _ACTIONS]
    lists = [word for word in words if word in _LISTS]
    if len(words) != 2 or len(actions) != 1 or len(lists) != 1:
        raise Malformed(f"{value} is not an action and a list, such as always,exit")
    return actions[0], lists[0]


class _Draft:
    """A rule while its options are read one by one, in the order that auditctl insists on."""

    def __init__(self, action: str, on: str) -> None:
        self._action = action
        self._on = on
        self._syscalls: set[str] = set()
        self._fields: list[Field] = []
        self._keys: list[str] = []
        self._watch = False

    def watch(self, path: str) -> None:
        """`-w path`, which watches for every way of access until `-p` says otherwise."""
        self._watch = True
        self._fields = [Field("watch", "=", auditfields.path(path)), Field("perm", "=", "rwxa")]

    def add(self, option: str, value: str) -> None:
        """One more option."""
        match option:
            case "-S":
                self._add_syscalls(value)
            case "-F":
                self._add_field(value)
            case "-C":
                self._fields.append(auditfields.comparison(value))
            case "-k":
                self._add_key(value)
            case "-p":
                permissions = Field("perm", "=", auditfields.permissions(value))
                self._fields = [each for each in self._fields if each.name != "perm"] + [permissions]
            case _ if option in _VERBS:
                raise Malformed("there is more than one rule in the line")
            case _:
                raise Malformed(f"{option} does not belong to a rule")

    def _add_syscalls(self, value: str) -> None:
        if self._on in _NO_SYSCALLS:
            raise Malformed(f"the list {self._on} takes no system calls")
        if self._watch:
            raise Malformed("a watch takes no system calls")
        self._syscalls |= set(filter(None, value.split(",")))

    def _add_field(self, value: str) -> None:
        if value.startswith("key="):
            self._add_key(value.removeprefix("key="))
            return
        if value.startswith("arch") and self._syscalls:
            raise Malformed("arch must stand before the system calls")
        self._fields.append(auditfields.field(value, self._on))

    def _add_key(self, value: str) -> None:
        if not self._syscalls and not any(each.name in _KEY_NEEDS for each in self._fields):
            raise Malformed("a key needs a watch or a system call before it")
        if not value or len(value) > _LONGEST_KEY:
            raise Malformed("a key has between one and 256 letters")
        self._keys.append(value)

    def rule(self, verb: Verb, line: int, text: str) -> Rule:
        """The finished rule."""
        if len(self._fields) > _MOST_FIELDS:
            raise Malformed(f"a rule has at most {_MOST_FIELDS} fields")
        for alike in _ONCE:
            if sum(each.name in alike for each in self._fields) > 1:
                raise Malformed(f"a rule speaks of one {' or '.join(alike)} only")
        syscalls = tuple(sorted(self._syscalls))
        if self._on not in _NO_SYSCALLS and self._asks_for_all():
            syscalls = _ALL
        names = {each.name for each in self._fields}
        if syscalls == _ALL and names in ({"path", "perm"}, {"dir", "perm"}):
            self._fields = [_as_watch(each) for each in self._fields]
        fields = tuple(sorted(set(self._fields)))
        return Rule(self._action, self._on, syscalls, fields, tuple(sorted(self._keys)), verb, line, text)

    def _asks_for_all(self) -> bool:
        if not self._syscalls or "all" in self._syscalls:
            return True
        permissions = [each.value for each in self._fields if each.name == "perm"]
        return bool(permissions) and auditcalls.stand_for(frozenset(self._syscalls), permissions[0])


_ONCE = (("exe",), ("watch", "path", "dir", "inode"))
_KEY_NEEDS = ("watch", "path", "dir", "perm", "exe", "fstype")


def _as_watch(each: Field) -> Field:
    return Field("watch", "=", each.value) if each.name in ("path", "dir") else each


def _old_rule(line: str, number: int) -> Rule:
    words = _OLD_HEX.sub("", line.removeprefix(_OLD_LISTING)).split(" ")
    draft = _Draft(*_action_and_list(words[0]))
    keys: list[str] = []
    for word in filter(None, words[1:]):
        name, _, value = word.partition("=")
        if name == "syscall":
            draft.add("-S", value)
        elif name == "key":
            keys.append(value)
        else:
            draft.add("-F", f"path={value}" if name == "watch" else word)
    for key in keys:
        draft.add("-k", key)
    return draft.rule("append", number, line)
