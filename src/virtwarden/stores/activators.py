"""Activators: what an activation does to the running system, by functions that are called one after the other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace

from virtwarden.model import Document
from virtwarden.sources.process import environment
from virtwarden.stores.programs import Programs
from virtwarden.stores.services import Services, services


@dataclass(frozen=True, slots=True)
class System:
    """The running system: how programs are started on it, its service manager, and where its files are."""

    programs: Programs
    services: Services
    root: str = "/"

    def path(self, name: str) -> str:
        """Where a file of the system is."""
        return os.path.join(self.root, name.lstrip("/"))

    def exists(self, name: str) -> bool:
        """Whether a file of the system is there."""
        return os.path.exists(self.path(name))

    def patient(self, seconds: float) -> Programs:
        """Programs that may take this long."""
        return replace(self.programs, patience=seconds)


def system(programs: Programs, root: str = "/") -> System:
    """The running system, with the service manager that it has."""
    return System(programs, services(programs, root), root)


def installed(program: str) -> bool:
    """Whether a program can be found, in the places where Programs looks for it."""
    return located(program) is not None


def located(program: str) -> str | None:
    """The path of a program."""
    return shutil.which(program, path=environment(os.environ)["PATH"])


def _nothing() -> None:
    """Nothing has to be done."""


def _not_again() -> bool:
    return False


def _no_documents() -> tuple[Document, ...]:
    return ()


def _no_reason() -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Activator:
    """How one activation is done. `do`, `check` and `again` raise `StoreError`."""

    do: Callable[[], str]
    """Do it; what remains to be said of it, empty where nothing does."""
    why_not: Callable[[], str] = _no_reason
    """Why there is nothing to do on this system; empty where there is."""
    touches: Callable[[], tuple[Document, ...]] = _no_documents
    """The documents that it changes besides those that asked for it."""
    check: Callable[[], None] = _nothing
    """Have those who are to read the written documents try them first, without any effect."""
    again: Callable[[], bool] = _not_again
    """Once all documents are put back: have it read them again; whether there was something to do."""


def simply(action: Callable[[], object]) -> Callable[[], str]:
    """The action as one of which nothing remains to be said."""

    def do() -> str:
        action()
        return ""

    return do


def repeatedly(action: Callable[[], object]) -> Callable[[], bool]:
    """The action as one that is always to be done again."""

    def again() -> bool:
        action()
        return True

    return again
