"""The real kernel's audit rules, for tests that load some: one test at a time, and as they were before afterwards."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.real.auditd import LOCK
from virtwarden.stores.auditkernel import AuditKernel
from virtwarden.stores.images import StateImage, StoreError


def _why_not() -> str:
    if os.geteuid() != 0 or shutil.which("auditctl") is None:
        return "loading audit rules needs root and auditctl"
    try:
        image = AuditKernel().image("loaded")
    except StoreError as refused:
        return str(refused)
    locked = isinstance(image, StateImage) and image.words.get("enabled") == "2"
    return "the kernel's audit rules are locked" if locked else ""


NEEDS_KERNEL = pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "there is a kernel")


@contextmanager
def emptied() -> Iterator[None]:
    """No rule is loaded meanwhile; afterwards those and the settings that were."""
    with LOCK.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        before = AuditKernel().image("loaded")
        auditctl("-D")
        try:
            yield
        finally:
            auditctl("-D")
            AuditKernel().put("loaded", before)


def auditctl(*words: str) -> subprocess.CompletedProcess[str]:
    """Run it; its exit code is the caller's to judge."""
    return subprocess.run(["auditctl", *words], capture_output=True, text=True, check=False)


def listed() -> str:
    """What `auditctl -l` prints."""
    return auditctl("-l").stdout
