"""Reports in the forms that people and programs read. A renderer is imported only when it is asked for.

Every format is written piece by piece, because that of a host of thousands of guests may be large:

    for piece in FORMATS["html"].pieces(report, explanations):
        file.write(piece)

`explanations` are the controls' prose by id; a format without room for prose leaves it out. Files are written
as UTF-8 with `newline=""`: the texts have the line ends that their format wants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from virtwarden.model import Report

    Pieces = Callable[[Report, Mapping[str, str]], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Format:
    """A form of report: its name, the file names that ask for it, and the module that writes it."""

    name: str
    suffixes: tuple[str, ...]
    module: str

    def pieces(self, report: Report, explanations: Mapping[str, str] | None = None) -> Iterator[str]:
        """The report in this form, piece by piece."""
        pieces: Pieces = import_module(f"{__name__}.{self.module}").pieces
        return pieces(report, explanations or {})

    def render(self, report: Report, explanations: Mapping[str, str] | None = None) -> str:
        """The report in this form, as one text."""
        return "".join(self.pieces(report, explanations))


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format("text", (".txt", ".text"), "text"),
        Format("json", (".json",), "jsonreport"),
        Format("html", (".html", ".htm"), "html"),
        Format("sarif", (".sarif", ".sarif.json"), "sarif"),
        Format("junit", (".xml", ".junit"), "junit"),
        Format("csv", (".csv",), "csvreport"),
        Format("oscal", (".oscal", ".oscal.json"), "oscal"),
    )
}


def format_of(file_name: str) -> Format | None:
    """The format that a file's name asks for, by its longest known ending; None where it asks for none."""
    lower = file_name.lower()
    asked = [(suffix, form) for form in FORMATS.values() for suffix in form.suffixes if lower.endswith(suffix)]
    return max(asked, key=lambda pair: len(pair[0]))[1] if asked else None
