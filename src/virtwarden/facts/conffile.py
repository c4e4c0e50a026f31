"""One of libvirt's conf files as a typed fact: the fields of a dataclass are its keys.

A field's type is the key's type and its default the value that libvirt takes where the key is not set.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import TYPE_CHECKING, TypeVar, get_args, get_type_hints

from virtwarden.formats import Malformed, virconf
from virtwarden.host import Absent, Source, Text, Unknown
from virtwarden.model import Evidence

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

C = TypeVar("C", bound="DataclassInstance")
Value = bool | int | str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class ConfText:
    """A parsed conf file and where it was read; `text` is None where the host has no such file."""

    path: str
    text: Text | None = None
    conf: virconf.Conf = virconf.Conf("", ())

    def cite(self, key: str) -> Evidence:
        """The line that sets `key`, or that nothing does."""
        if self.text is None:
            return Evidence(text=f"there is no such file; libvirt's default of {key} holds", path=self.path)
        entry = self.conf.get(key)
        if entry is None:
            return self.text.cite(text=f"{key} is not set; libvirt's default holds")
        return self.text.cite(entry.line)

    def sets(self, key: str) -> bool:
        """Whether the file sets `key`."""
        return self.conf.get(key) is not None


def read_conf(source: Source, path: str) -> ConfText:
    """Read and parse a conf file. A missing one is empty; a malformed one raises `Unknown`."""
    try:
        text = source.read(path)
    except Absent:
        return ConfText(path)
    try:
        return ConfText(path, text, virconf.parse(text.text))
    except Malformed as wrong:
        message = f"{path}: {wrong}; libvirt does not start with this file"
        raise Unknown(message, text.cite(wrong.line or None)) from None


def typed(kind: type[C], file: ConfText) -> C:
    """The file as a dataclass `kind`, whose first field, `file`, is the file itself.

    Raises `Unknown` where a key has a value of a type that libvirt would refuse.
    """
    values: dict[str, object] = {}
    for key, accepts in _schema(kind):
        entry = file.conf.get(key)
        if entry is None:
            continue
        values[key] = _convert(entry, accepts, file)
    make: Callable[..., C] = kind
    return make(file=file, **values)


@cache
def _schema(kind: type[DataclassInstance]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    hints = get_type_hints(kind)
    schema: list[tuple[str, tuple[object, ...]]] = []
    for field in fields(kind):
        if field.name != "file":
            hint = hints[field.name]
            schema.append((field.name, (hint,) if hint in (bool, int, str) else get_args(hint) or (hint,)))
    return tuple(schema)


def _convert(entry: virconf.Entry, accepts: tuple[object, ...], file: ConfText) -> Value:
    value = entry.value
    if isinstance(value, int):
        if bool in accepts and value in (0, 1):
            return value == 1
        if int in accepts:
            return value
    if isinstance(value, str) and str in accepts:
        return value
    if isinstance(value, str) and _takes_list(accepts):
        return (value,)
    if isinstance(value, tuple) and _takes_list(accepts):
        words = tuple(item for item in value if isinstance(item, str))
        if len(words) == len(value):
            return words
    evidence = () if file.text is None else (file.text.cite(entry.line),)
    raise Unknown(
        f"{file.path}:{entry.line}: {entry.key} has a value of the wrong type; libvirt refuses the file",
        *evidence,
    )


def _takes_list(accepts: tuple[object, ...]) -> bool:
    return any(hint == tuple[str, ...] or hint is Ellipsis for hint in accepts)
