"""Edits of the kernel's arguments, in a line of them and in the files that boot loaders take such lines from.

Of two equal arguments the kernel takes the last. Names may have `-` for `_`, and what stands behind `--` is for
init.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.edits import RemoveLine, SetLine
from virtwarden.splice.pieces import CannotApply, Line, joined, lines, with_line

_ARGUMENT = re.compile(r"""[ \t]*(?P<word>(?P<name>(?:[^\s="\\]|\\(?!"))*)(?P<rest>(?:\\?"[^"]*"|[^\s"])*))""")
_INIT = re.compile(r"(?:^|[ \t])--(?=[ \t]|\Z)")


@dataclass(frozen=True, slots=True)
class _Argument:
    start: int
    end: int
    name: str
    word: str


def boot_arguments(line: str, name: str, value: str | None) -> str:
    """A kernel line with `name=value`, with a bare `name` where the value is empty, without it where it is None.

    To be taken out an argument may be named with its value, `mitigations=off`: others of its name stay.
    """
    if line.count('"') % 2:
        raise CannotApply("a quote is never closed in the line of the kernel's arguments")
    init = _INIT.search(line)
    ours = line if init is None else line[: init.start()]
    found = [each for each in _arguments(ours) if _matches(each, name)]
    if value is None:
        left = joined(line, ((each.start, each.end, "") for each in found))
        return left.lstrip(" \t") if found and found[0].start == 0 else left
    word = f"{name}={_quoted(value)}" if value else name
    if found:
        last = found[-1]
        return joined(line, [(last.end - len(last.word), last.end, word)])
    at = len(ours.rstrip())
    before, after = " " if at else "", " " if line[at : at + 1].strip() else ""
    return f"{line[:at]}{before}{word}{after}{line[at:]}"


def edited(edit: SetLine | RemoveLine, text: str, path: str) -> str:
    """A boot loader's file with the edit made in its kernel lines; `path` may be `kernel line` for a bare one."""
    for place, edited_file in _FILES:
        if place.search(path):
            return edited_file(edit, text)
    raise CannotApply(f"{path} is made by a tool, or is no place for the kernel's arguments")


def _arguments(line: str) -> Iterator[_Argument]:
    for found in _ARGUMENT.finditer(line):
        if found["word"]:
            yield _Argument(found.start(), found.end(), found["name"], found["word"])


def _matches(argument: _Argument, name: str) -> bool:
    wanted, equals, value = name.partition("=")
    if argument.name.replace("-", "_") != wanted.replace("-", "_"):
        return False
    return not equals or argument.word[len(argument.name) :] in (f"={value}", f"={_quoted(value)}")


def _quoted(value: str) -> str:
    if '"' in value or "\n" in value:
        raise CannotApply("an argument of the kernel cannot hold a quote or a line end")
    return f'"{value}"' if re.search(r"\s", value) else value


def _one(edit: SetLine | RemoveLine, line: str) -> str:
    return boot_arguments(line, edit.key, edit.value if isinstance(edit, SetLine) else None)


def _in_cmdline(edit: SetLine | RemoveLine, text: str) -> str:
    """/etc/kernel/cmdline, or a bare line: its first line that says something."""
    line = next((line for line in lines(text) if line.text.strip()), Line(0, 0, ""))
    end = line.start + len(line.text)
    return joined(text, [(line.start, end, _one(edit, line.text))])


_OPTIONS = re.compile(r"[ \t]*options(?=[ \t]|\Z)")
_KERNEL = re.compile(r"[ \t]*kernel[ \t]")


def _in_entry(edit: SetLine | RemoveLine, text: str) -> str:
    """An entry of the Boot Loader Specification, whose `options` lines add up."""
    found = [line for line in lines(text) if _OPTIONS.match(line.text)]
    if isinstance(edit, RemoveLine):
        return _each(edit, text, found)
    if not found:
        return with_line(text, len(text), boot_arguments("options", edit.key, edit.value))
    holding = [line for line in found if _speaks_of(edit.key, line.text)]
    return _each(edit, text, (holding or found)[-1:])


def _in_menu(edit: SetLine | RemoveLine, text: str) -> str:
    """The menu of GRUB 0.97: each `kernel` line."""
    return _each(edit, text, [line for line in lines(text) if _KERNEL.match(line.text)])


def _each(edit: SetLine | RemoveLine, text: str, found: list[Line]) -> str:
    return joined(text, ((line.start, line.start + len(line.text), _one(edit, line.text)) for line in found))


def _speaks_of(name: str, line: str) -> bool:
    return any(_matches(argument, name) for argument in _arguments(line))


_SHARED = "GRUB_CMDLINE_LINUX"
_NAMED = re.compile(rf"[ \t]*(?:export[ \t]+)?(?P<key>{_SHARED}(?:_DEFAULT)?)\+?=")
_WORD = re.compile(
    r"""(?:"(?P<double>(?:\\.|[^"\\])*)"|'(?P<single>[^']*)'|(?P<bare>[^\s"'\\;&|]*))(?=[ \t]*(?:[#].*)?\Z)"""
)


@dataclass(frozen=True, slots=True)
class _Default:
    """One line of /etc/default/grub that gives arguments: its variable, and where its word stands."""

    key: str
    start: int
    end: int
    arguments: str
    quote: str


def _in_defaults(edit: SetLine | RemoveLine, text: str) -> str:
    """/etc/default/grub: set in the line for all entries, and in others that speak of it, which come later."""
    every = list(_defaults(text))
    changed = [each for each in every if _speaks_of(edit.key, each.arguments)]
    shared = [each for each in every if each.key == _SHARED]
    if isinstance(edit, SetLine) and shared and shared[-1] not in changed:
        changed.append(shared[-1])
    done = joined(text, ((each.start, each.end, _word(edit, each)) for each in changed))
    if isinstance(edit, SetLine) and not shared:
        return with_line(done, len(done), f'{_SHARED}="{boot_arguments("", edit.key, edit.value)}"')
    return done


def _defaults(text: str) -> Iterator[_Default]:
    for number, line in enumerate(lines(text), 1):
        named = _NAMED.match(line.text)
        if named is None:
            continue
        word = _WORD.match(line.text, named.end())
        if word is None:
            raise CannotApply(f"line {number} is more than is understood here")
        quote = {"double": '"', "single": "'"}.get(word.lastgroup or "", "")
        start, end = (line.start + at for at in word.span())
        yield _Default(named["key"], start, end, word[word.lastgroup or 0], quote)


def _word(edit: SetLine | RemoveLine, found: _Default) -> str:
    arguments = _one(edit, found.arguments)
    if isinstance(edit, SetLine) and '"' in _quoted(edit.value):
        raise CannotApply(f"{edit.key} with blanks in its value goes into /etc/default/grub by hand")
    quote = found.quote or ('"' if re.search(r"\s", arguments) else "")
    return quote + arguments + quote


def _in_environment(edit: SetLine | RemoveLine, text: str) -> str:
    """GRUB's environment block, which is of one fixed size, filled up with `#`."""
    body = text.rstrip("#")
    line = next((line for line in lines(body) if line.text.startswith(_OPTS)), None)
    if line is None:
        raise CannotApply("no kernelopts stand in GRUB's environment block")
    options = _one(edit, line.text.removeprefix(_OPTS))
    changed = joined(body, [(line.start + len(_OPTS), line.start + len(line.text), options)])
    room = len(text.encode("utf-8", "surrogateescape")) - len(changed.encode("utf-8", "surrogateescape"))
    if room < 0:
        raise CannotApply("GRUB's environment block has no room for this argument")
    return changed + "#" * room


_OPTS = "kernelopts="

_FILES = (
    (re.compile(r"\Akernel line\Z|/kernel/cmdline\Z"), _in_cmdline),
    (re.compile(r"/default/grub(?:\.d/[^/]+\.cfg)?\Z"), _in_defaults),
    (re.compile(r"/loader/entries/[^/]+\.conf\Z"), _in_entry),
    (re.compile(r"/(?:menu\.lst|grub\.conf)\Z"), _in_menu),
    (re.compile(r"/grubenv\Z"), _in_environment),
)
