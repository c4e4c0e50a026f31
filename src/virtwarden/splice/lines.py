"""Edits of files of one setting or one rule a line, each read the way its own program reads it.

A dialect tells where in a line the value of a key stands, which of two equal keys holds, and before which lines a
new one must stand to be heeded.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from virtwarden.edits import AddLine, RemoveLine, SetLine
from virtwarden.formats.keyvalue import sysctl_key
from virtwarden.splice import sshd
from virtwarden.splice.pieces import CannotApply, Line, Splice, joined, lines, with_line

Span = tuple[int, int]
Find = Callable[[str, str], Span | None]


def _unchanged(text: str) -> str:
    return text


def _as_wanted(_old: str, new: str) -> str:
    return new


def _by(pattern: str, spelling: Callable[[str], str] = _unchanged) -> Find:
    """Finds values in lines that match a pattern with a `key` and a `value`; keys are equal in one spelling."""
    compiled = re.compile(pattern)

    def find(key: str, line: str) -> Span | None:
        found = compiled.match(line)
        if found is None or spelling(found["key"]) != spelling(key):
            return None
        return found.span("value")

    return find


def _module_option(key: str, line: str) -> Span | None:
    """`options kvm_intel nested` in a line of modprobe's; names of modules and parameters may have - for _. A
    parameter that stands there without a value has none to set: the next line sets it anew."""
    words = key.replace("-", "_").split()
    found = _OPTIONS.match(line)
    if found is None or len(words) != 3 or found["module"].replace("-", "_") != words[1]:
        return None
    spans = [
        parameter.span("value")
        for parameter in _PARAMETER.finditer(line, found.end())
        if parameter["name"].replace("-", "_") == words[2]
    ]
    return spans[-1] if spans else None


_OPTIONS = re.compile(r"[ \t]*options[ \t]+(?P<module>[^ \t]+)")
_PARAMETER = re.compile(r"""[ \t](?P<name>[^ \t=#]+)=(?P<value>(?:"[^"]*"|[^ \t"])*)""")


def _shell_word(old: str, new: str) -> str:
    """One word for another, in the quotes of the old one if it has some."""
    word = new if _WORD.fullmatch(new) else shlex.quote(new)
    bare, quote = _unquoted(word), old[0] if _unquoted(old) != old else ""
    return quote + bare + quote if quote and _PLAIN.fullmatch(bare) else word


def _unquoted(word: str) -> str:
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word


_SHELL_WORD = r"""(?:'[^']*'|"(?:\\.|[^"\\])*"|\\.|[^\s'"\\;&|])*"""
_WORD = re.compile(_SHELL_WORD)
_PLAIN = re.compile(r"""[^'"\\$`]*""")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one kind of file is read. `stop` matches lines that a new one must stand before."""

    find: Find
    first_holds: bool = False
    comment: str = "#"
    stop: re.Pattern[str] | None = None
    spell: Callable[[str, str], str] = _as_wanted


_VALUE = r"[ \t]*(?P<value>(?:.*[^ \t])?)[ \t]*\Z"
_EQUALS = rf"[ \t]*(?P<key>[^#;=\s](?:[^=]*[^=\s])?)[ \t]*={_VALUE}"
_SHELL = rf"[ \t]*(?:export[ \t]+)?(?P<key>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>{_SHELL_WORD})(?=[ \t;]|\Z)"

SHELL = Dialect(_by(_SHELL), spell=_shell_word)
EQUALS = Dialect(_by(_EQUALS))
COLON = Dialect(_by(rf"[ \t]*(?P<key>[^#:\s]+)[ \t]*:{_VALUE}"))
WORDS = Dialect(_by(rf"[ \t]*(?P<key>[^#\s]+)(?=[ \t]){_VALUE}"))
SYSCTL = Dialect(_by(rf"[ \t]*(?P<key>(?:-[ \t]*)?[^#;=\s]+)[ \t]*={_VALUE}", sysctl_key), comment="#;")
AUDITD = Dialect(_by(_EQUALS, str.lower))
SASL = Dialect(_by(rf"[ \t]*(?P<key>[A-Za-z0-9_-]+):{_VALUE}", str.lower), first_holds=True)
SELINUX = Dialect(_by(rf"(?P<key>[A-Z]+)={_VALUE}"), first_holds=True)
MODPROBE = Dialect(_module_option)
AUDIT_RULES = Dialect(
    _by(r"[ \t]*(?P<key>-[A-Za-z])[ \t]*(?P<value>[^\s-][^\s]*)[ \t]*\Z"), stop=re.compile(r"[ \t]*-e[ \t]*[0-9]")
)

_PLACES = (
    (re.compile(r"/sysctl(?:\.d/[^/]+)?\.conf\Z"), SYSCTL),
    (re.compile(r"/audit/(?:rules\.d/)?[^/]+\.rules\Z"), AUDIT_RULES),
    (re.compile(r"/audit/auditd\.conf\Z"), AUDITD),
    (re.compile(r"/modprobe(?:\.d/[^/]+)?\.conf\Z"), MODPROBE),
    (re.compile(r"/sasl2/[^/]+\.conf\Z"), SASL),
    (re.compile(r"/selinux/config\Z"), SELINUX),
)
_SEPARATORS = {"=": SHELL, " = ": EQUALS, ":": COLON, ": ": COLON, " ": WORDS}


def dialect_of(path: str, separator: str = "=") -> Dialect:
    """The dialect of a file, by its place; of one in no known place by what stands between key and value."""
    known = (dialect for place, dialect in _PLACES if place.search(path))
    return next(known, _SEPARATORS.get(separator, EQUALS))


def set_line(edit: SetLine, text: str, path: str) -> str:
    """The value in the line that holds, else a line behind its commented-out template, else one at the end."""
    _one_line(edit.key + edit.separator + edit.value)
    if sshd.is_sshd(path):
        return sshd.set_keyword(edit, text)
    dialect = dialect_of(path, edit.separator)
    found = list(_values(dialect, edit.key, text))
    if not found:
        line = f"{edit.key}{edit.separator}{dialect.spell('', edit.value)}"
        return with_line(text, _place(dialect, edit.key, text), line)
    start, end = found[0] if dialect.first_holds else found[-1]
    return joined(text, [(start, end, dialect.spell(text[start:end], edit.value))])


def add_line(edit: AddLine, text: str, path: str) -> str:
    """The line at the end, or before the line that closes the file to more, if it does not stand there yet."""
    _one_line(edit.line)
    if any(line.text.strip() == edit.line.strip() for line in lines(text)):
        return text
    return with_line(text, _stop(dialect_of(path), text), edit.line)


def remove_line(edit: RemoveLine, text: str, path: str) -> str:
    """The text without this line, and without lines that set this key. A line of modprobe's, which may set several
    parameters, goes by its whole text alone."""
    if sshd.is_sshd(path):
        return sshd.remove_keyword(edit.key, text)
    dialect = dialect_of(path)
    find = _nowhere if dialect is MODPROBE else dialect.find
    gone: list[Splice[str]] = [
        (line.start, line.end, "")
        for line in lines(text)
        if line.text.strip() == edit.key.strip() or find(edit.key, line.text) is not None
    ]
    return joined(text, gone)


def _nowhere(_key: str, _line: str) -> None:
    return None


def _one_line(text: str) -> None:
    if "\n" in text or "\r" in text or "\0" in text:
        raise CannotApply("what is to be one line has several")


def _values(dialect: Dialect, key: str, text: str) -> Iterator[Span]:
    for line in lines(text):
        span = dialect.find(key, line.text)
        if span is not None:
            yield line.start + span[0], line.start + span[1]


def _place(dialect: Dialect, key: str, text: str) -> int:
    """Where a new setting of the key goes."""
    stop = _stop(dialect, text)
    templates = [line.end for line in lines(text[:stop]) if _is_template(dialect, key, line)]
    return templates[-1] if templates else stop


def _is_template(dialect: Dialect, key: str, line: Line) -> bool:
    said = line.text.lstrip(" \t")
    return said.startswith(tuple(dialect.comment)) and dialect.find(key, said[1:]) is not None


def _stop(dialect: Dialect, text: str) -> int:
    """Where the part ends in which a new line is heeded."""
    if dialect.stop is None:
        return len(text)
    return next((line.start for line in lines(text) if dialect.stop.match(line.text)), len(text))
