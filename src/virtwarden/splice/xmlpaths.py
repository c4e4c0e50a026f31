"""Paths into a tree of XML: which elements an edit means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from virtwarden.formats.xmlspans import Element
from virtwarden.splice.pieces import CannotApply

_PREDICATE = r"""\[(?:[0-9]+|@[\w.-]+(?:=(?:'[^']*'|"[^"]*"))?)\]"""
_STEP = re.compile(rf"(?P<tag>(?:\{{[^}}]*\}})?(?:[\w.-]+|\*))(?P<predicates>(?:{_PREDICATE})*)/")
_PARTS = re.compile(r"""\[(?:(?P<number>[0-9]+)|@(?P<name>[\w.-]+)(?:=(?P<quoted>'[^']*'|"[^"]*"))?)\]""")


@dataclass(frozen=True, slots=True)
class _Step:
    tag: str
    predicates: str


def select(root: Element, path: str) -> list[Element]:
    """Every element at a path below the root, in document order; the root for `.`."""
    found = [root]
    for step in _steps(path):
        found = [child for parent in found for child in _children(parent, step)]
    return found


def counts(path: str) -> bool:
    """Whether the last step of a path tells elements apart by their number, which taking one out changes."""
    steps = _steps(path)
    return bool(steps) and any(part["number"] for part in _PARTS.finditer(steps[-1].predicates))


def _steps(path: str) -> list[_Step]:
    steps: list[_Step] = []
    rest = "" if path == "." else f"{path}/"
    while rest:
        found = _STEP.match(rest)
        if found is None:
            raise CannotApply(f"the path {path} is not understood")
        steps.append(_Step(found["tag"], found["predicates"]))
        rest = rest[found.end() :]
    return steps


def _children(parent: Element, step: _Step) -> Iterable[Element]:
    found = [child for child in parent.children if step.tag in ("*", child.tag)]
    for part in _PARTS.finditer(step.predicates):
        if part["number"]:
            found = found[int(part["number"]) - 1 : int(part["number"])] if int(part["number"]) else []
        else:
            found = [child for child in found if _has(child, part["name"], part["quoted"])]
    return found


def _has(element: Element, name: str, quoted: str | None) -> bool:
    held = element.attributes.get(name)
    return held is not None and (quoted is None or held == quoted[1:-1])
