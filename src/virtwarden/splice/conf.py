"""Edits of libvirt's own conf files, of whose equal keys the first one holds."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator

from virtwarden.edits import ConfValue, SetConf
from virtwarden.formats import Malformed, virconf
from virtwarden.splice.pieces import CannotApply, Line, Splice, joined, lines, with_line

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TEMPLATE = re.compile(r"""[ \t]*#[ \t]?(?P<key>[A-Za-z][A-Za-z0-9_]*)[ \t]*=[ \t]*(?P<value>[-+0-9"'\[].*)""")
_QUOTE = re.compile(r"[\"']")
_REST = re.compile(r"[ \t]*(?P<semicolon>;[ \t]*)?(?:#[^\r\n]*)?(?P<end>\r?\n|\Z)?")
_BEFORE = re.compile(r";[ \t]*\Z")


def set_key(edit: SetConf, text: str) -> str:
    """`key = value`, where the key stands first, behind its commented-out template, or at the end."""
    if _KEY.fullmatch(edit.key) is None:
        raise CannotApply(f"{edit.key} is no key of a conf file")
    conf = _parsed(text)
    entry = conf.get(edit.key)
    if entry is None:
        return _added(conf, f"{edit.key} = {literal(edit.value)}", edit.key)
    if _same(entry.value, edit.value):
        return text
    old = text[entry.value_start : entry.end]
    quote = _QUOTE.search(old)
    new = literal(edit.value, '"' if quote is None else quote.group())
    return joined(text, [(entry.value_start, entry.end, new)])


def remove_key(key: str, text: str) -> str:
    """The text without any assignment of the key."""
    for entry in reversed(_parsed(text).entries):
        if entry.key == key:
            text = joined(text, [_removal(text, entry)])
    return text if text.strip() else ""


def literal(value: ConfValue, quote: str = '"') -> str:
    """A value as libvirt's grammar spells it, in these quotes if it has none of them within."""
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return _quoted(value, quote)
    return "[ " + ", ".join(_quoted(item, quote) for item in value) + " ]" if value else "[]"


def _quoted(text: str, wanted: str) -> str:
    for quote in (wanted, '"', "'"):
        if quote not in text and "\n" not in text and "\r" not in text:
            return quote + text + quote
    if '"""' in text or text.endswith('"') or "\0" in text:
        raise CannotApply("no quotes of a conf file can hold this text")
    return f'"""{text}"""'


def _same(held: virconf.Value, wanted: ConfValue) -> bool:
    return isinstance(held, int) == isinstance(wanted, int) and held == wanted


def _parsed(text: str) -> virconf.Conf:
    if not text:
        return virconf.Conf("", ())
    try:
        return virconf.parse(text)
    except Malformed as wrong:
        raise CannotApply(f"libvirt does not accept this file: {wrong}") from None


def _added(conf: virconf.Conf, line: str, key: str) -> str:
    ends = list(_template_ends(conf, key))
    return with_line(conf.text, ends[-1] if ends else len(conf.text), line)


def _template_ends(conf: virconf.Conf, key: str) -> Iterator[int]:
    """Where the lines behind commented-out assignments of the key begin."""
    starts = [entry.start for entry in conf.entries]
    every = list(lines(conf.text))
    for number, line in enumerate(every, 1):
        found = _TEMPLATE.fullmatch(line.text)
        before = bisect(starts, line.start)
        in_value = before > 0 and line.start < conf.entries[before - 1].end
        if found is None or found["key"] != key or in_value:
            continue
        is_open = found["value"].startswith("[") and "]" not in found["value"]
        yield _list_end(every, number) or line.end if is_open else line.end


def _list_end(every: list[Line], at: int) -> int | None:
    """Where the line behind a commented-out list begins, of which `at` is the second line."""
    for line in every[at:]:
        if not line.text.lstrip(" \t").startswith("#") or _TEMPLATE.fullmatch(line.text):
            return None
        if "]" in line.text:
            return line.end
    return None


def _removal(text: str, entry: virconf.Entry) -> Splice[str]:
    """The whole lines of an assignment that has them for itself; else what it takes up of them."""
    line_start = text.rfind("\n", 0, entry.start) + 1
    rest = _REST.match(text, entry.end)
    assert rest is not None  # it matches nothing too
    alone = not text[line_start : entry.start].strip(" \t")
    if alone and rest["end"] is not None:
        return line_start, rest.end(), ""
    if rest["semicolon"] is not None:
        return entry.start, rest.end("semicolon"), ""
    before = _BEFORE.search(text, line_start, entry.start)
    return (entry.start if before is None else before.start()), entry.end, ""
