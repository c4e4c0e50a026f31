"""The standards that controls serve, one TOML file each, and the blueprint with all its procedures.

A standard's file says which controls meet which of its requirements. Nothing here knows which controls exist;
a test sees to it that every id named here does.
"""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import TypeVar

import msgspec

from virtwarden.complaint import Complaint

_BLUEPRINT = "blueprint.toml"


class StandardError(Complaint):
    """A mapping file cannot be used; the message says which and why in one sentence."""


class Requirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One requirement of a standard and the controls that meet it; `why` where that needs a word."""

    id: str
    title: str
    controls: tuple[str, ...]
    why: str = ""


class Standard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A published standard; `source` says which edition the mapping rests on."""

    id: str
    title: str
    source: str
    requirements: tuple[Requirement, ...] = msgspec.field(name="requirement")


class Procedure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A procedure of the blueprint: what it asks, what is right where following it would be wrong, and the commands
    that do it, besides scan, plan and apply."""

    id: str
    chapter: str
    section: str
    title: str
    asks: str
    corrected: str = ""
    commands: tuple[str, ...] = ()


class Blueprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The blueprint's procedures, in the order of the document."""

    title: str
    procedures: tuple[Procedure, ...] = msgspec.field(name="procedure")


@lru_cache(maxsize=1)
def standards() -> tuple[Standard, ...]:
    """Every standard that comes with the product, by id."""
    return load(files(__name__))


@lru_cache(maxsize=1)
def blueprint() -> Blueprint:
    """The blueprint."""
    return _read(files(__name__) / _BLUEPRINT, Blueprint)


def load(folder: Traversable) -> tuple[Standard, ...]:
    """The standards whose files are in a folder, by id. Raises `StandardError`."""
    found = [
        _read(entry, Standard)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml") and entry.name != _BLUEPRINT
    ]
    _require_distinct([standard.id for standard in found], "standards")
    for standard in found:
        _require_distinct([requirement.id for requirement in standard.requirements], standard.id)
    return tuple(sorted(found, key=lambda standard: standard.id))


def requirements_met_by(control: str) -> tuple[tuple[Standard, Requirement], ...]:
    """The requirements, each with its standard, that a control meets."""
    return tuple(
        (standard, requirement)
        for standard in standards()
        for requirement in standard.requirements
        if control in requirement.controls
    )


_T = TypeVar("_T", bound=Standard | Blueprint)


def _read(entry: Traversable, form: type[_T]) -> _T:
    try:
        return msgspec.convert(tomllib.loads(entry.read_text("utf-8")), form)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as wrong:
        raise StandardError(f"{entry.name}: {wrong}") from None


def _require_distinct(ids: list[str], where: str) -> None:
    twice = sorted({id_ for id_ in ids if ids.count(id_) > 1})
    if twice:
        raise StandardError(f"{where}: {', '.join(twice)} stands there twice")
