"""Single values that the kernel shows as small files below /sys and /proc."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from virtwarden.facts.kernel import Value
from virtwarden.host import Absent, Source, Unknown


def value_at(source: Source, path: str, among: Collection[str] = ()) -> Value:
    """What one such file says. Raises `Absent` or `Unknown`, also where it is none of those that it may be."""
    text = source.read(path)
    value = text.text.strip()
    if among and value not in among:
        raise Unknown(f"{path} says what no kernel says", text.cite(1))
    return Value(value, text.cite(1))


def values_at(
    source: Source, paths: Iterable[str], among: Collection[str] = ()
) -> tuple[dict[str, Value], dict[str, str]]:
    """What these files say, by path, and why some could not be read. Files that are not there are in neither."""
    values: dict[str, Value] = {}
    refusals: dict[str, str] = {}
    for path in paths:
        try:
            values[path] = value_at(source, path, among)
        except Absent:
            continue
        except Unknown as refused:
            refusals[path] = str(refused)
    return values, refusals
