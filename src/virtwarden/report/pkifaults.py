"""What is wrong with certificates, keys and their places, told for a reader or a program."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from virtwarden.pki.verify.faults import Fault, Weight
from virtwarden.report.layout import Style
from virtwarden.report.lines import Line, cornered, hanging, line, printed
from virtwarden.report.phrases import count
from virtwarden.report.visible import shown, visible, without_surrogates

_SIGNS = {Weight.REFUSED: "✗", Weight.UNSAFE: "!", Weight.UNKNOWN: "?"}
_INKS = {Weight.REFUSED: "red", Weight.UNSAFE: "magenta", Weight.UNKNOWN: "yellow"}
_WORDS = {Weight.REFUSED: "libvirt refuses it", Weight.UNSAFE: "unsafe", Weight.UNKNOWN: "cannot be told"}
_ORDER = tuple(_SIGNS)


@dataclass(frozen=True, slots=True)
class Looked:
    """A file that was looked at, and in a few words what it is."""

    path: str
    about: str


def render(looked: Sequence[Looked], faults: Sequence[Fault], style: Style) -> str:
    """The text of a report: the files with faults first."""
    return printed(_lines(looked, faults, style.width), style)


def as_json(looked: Sequence[Looked], faults: Sequence[Fault]) -> str:
    """The same for a program."""
    told = {
        "sound": not faults,
        "files": [{"path": each.path, "about": each.about} for each in looked],
        "faults": [
            {
                "code": each.code, "weight": each.weight.value, "message": each.message, "file": each.file,
                "line": each.line or None, "todo": each.todo,
            }
            for each in faults
        ],
    }  # fmt: skip
    return without_surrogates(json.dumps(told, indent=2, ensure_ascii=False)) + "\n"


def _lines(looked: Sequence[Looked], faults: Sequence[Fault], width: int) -> Iterator[Line]:
    about = {each.path: each.about for each in looked}
    for path in dict.fromkeys(fault.file for fault in faults):
        yield from hanging(line((visible(path), "bold")), width, 0)
        if about.get(path):
            yield from hanging(line((shown(about[path], 300), "dim")), width, 2)
        yield from _of_file([fault for fault in faults if fault.file == path], width)
        yield line()
    sound = [each for each in looked if all(fault.file != each.path for fault in faults)]
    for each in sound:
        text = line((visible(each.path), "bold"), "  ", (shown(each.about, 300), "dim"))
        yield from hanging(text, width, 0, "✓ ", "green")
    if sound:
        yield line()
    yield from hanging(line(verdict(looked, faults)), width, 0)


def _of_file(faults: Iterable[Fault], width: int) -> Iterator[Line]:
    ordered = sorted(faults, key=lambda fault: _ORDER.index(fault.weight))
    told = ""
    for fault in ordered:
        ink = _INKS[fault.weight]
        where = f"line {fault.line}: " if fault.line > 1 else ""
        left = line("  ", (f"{_SIGNS[fault.weight]} ", ink), (fault.code, "bold"))
        yield from cornered(left, line((_WORDS[fault.weight], ink)), width)
        yield from hanging(line(f"{where}{shown(fault.message, 600)}"), width, 4)
        if fault.todo != told:
            yield from hanging(line((fault.todo, "dim")), width, 4, "> ", "dim")
        told = fault.todo


def verdict(looked: Sequence[Looked], faults: Sequence[Fault]) -> str:
    """One sentence on all."""
    files = count(len(looked), "file")
    if not faults:
        return f"{files}: sound"
    counted = [(sum(fault.weight is weight for fault in faults), weight) for weight in _ORDER]
    words = {
        Weight.REFUSED: "refused by libvirt",
        Weight.UNSAFE: "unsafe",
        Weight.UNKNOWN: "that cannot be told",
    }
    told = ", ".join(f"{number} {words[weight]}" for number, weight in counted if number)
    return f"{files}, {count(len(faults), 'fault')}: {told}"
