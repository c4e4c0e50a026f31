"""Audit rules from their files into the kernel, but never a lock: that waits for the next boot."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from virtwarden.model import Document
from virtwarden.stores import links
from virtwarden.stores.activators import Activator, System, installed
from virtwarden.stores.auditkernel import LOADED, AuditKernel, is_locked
from virtwarden.stores.images import StoreError

COMPILED = "/etc/audit/audit.rules"
LOADERS = ("auditd.service", "audit-rules.service")
"""The units that load the rules when they start."""
TOUCHED = (Document("file", COMPILED), Document("file", f"{COMPILED}.prev"), LOADED)
"""What loading the rules changes."""
_SOURCES = "/etc/audit/rules.d"
_LOCK = re.compile(r"^\s*-e\s*2\s*$", re.MULTILINE)
_UNSET = re.compile(r"^\s*--loginuid-immutable\s*$", re.MULTILINE)
_LOCKED = "the kernel's audit rules are locked; the new ones take effect when the host is booted"
_NOT_LOCKED = "the rules are in force; what locks them takes effect when the host is booted"


def audit_rules(system: System) -> Activator:
    """Put the rules together and load them."""

    def why_not() -> str:
        if not installed("auditctl"):
            return "the audit tools are not installed"
        try:
            AuditKernel().image(LOADED.name)
        except StoreError as error:
            return str(error)
        return ""

    return Activator(do=lambda: _load(system), why_not=why_not, touches=lambda: TOUCHED)


def locks(root: str) -> bool:
    """Whether the rules on disk lock those of the kernel once they are loaded."""
    sources = (f"{_SOURCES}/{name}" for name in links.names_in(root, _SOURCES) if name.endswith(".rules"))
    texts = (links.text_of(root, path) or "" for path in (COMPILED, *sources))
    return any(_LOCK.search(text) or _UNSET.search(text) for text in texts)


def _has_sources(root: str) -> bool:
    """Whether the rules are put together of files at all: with none, what an administrator wrote into the one file
    that is loaded would be lost."""
    return any(name.endswith(".rules") for name in links.names_in(root, _SOURCES))


def without_locks(text: str) -> str:
    """The rules with auditing turned on where they would turn it on and lock it."""
    return _UNSET.sub("", _LOCK.sub("-e 1", text))


def _load(system: System) -> str:
    if installed("augenrules") and _has_sources(system.root):
        system.programs.must(("augenrules",))
    if is_locked(AuditKernel().image(LOADED.name)):
        return _LOCKED
    try:
        with open(system.path(COMPILED), encoding="utf-8", errors="surrogateescape") as file:
            text = file.read()
    except OSError as error:
        raise StoreError(f"{COMPILED}: {(error.strerror or str(error)).lower()}") from None
    unlocked = without_locks(text)
    with _private(unlocked) as descriptor:
        programs = replace(system.programs, held=(*system.programs.held, descriptor))
        argv = ("auditctl", "-R", f"/proc/self/fd/{descriptor}")
        said = programs.ask(argv)
        if said.code != 0:
            raise StoreError(f"the audit rules cannot be loaded: {said.complaint}")
    return "" if unlocked == text else _NOT_LOCKED


@contextmanager
def _private(text: str) -> Iterator[int]:
    """A file in memory that auditctl takes: regular, root's own, and closed to others."""
    descriptor = os.memfd_create("audit.rules")
    try:
        os.fchmod(descriptor, 0o600)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(text.encode("utf-8", "surrogateescape"))
        yield descriptor
    finally:
        os.close(descriptor)
