"""A log is followed while a real auditd writes and rotates it."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.real import auditd as harness
from tests.real.auditd import Auditd, kernel_audit

_VIRT_CONTROL = 2500
_UUID = "b7b5d9a0-5b1f-4f6e-9d5b-3f7c2a9f1a77"
_MAIN = "import sys; from virtwarden.cli import main; sys.exit(main())"

pytestmark = pytest.mark.libvirt


def tell(op: str, reason: str) -> None:
    """Send a record as libvirt does."""
    libaudit = ctypes.CDLL("libaudit.so.1", use_errno=True)
    descriptor = libaudit.audit_open()
    message = f'virt=kvm op={op} reason={reason} vm="followed" uuid={_UUID} vm-pid=77'.encode()
    try:
        assert libaudit.audit_log_user_message(descriptor, _VIRT_CONTROL, message, None, None, None, 1) > 0
    finally:
        os.close(descriptor)


def test_what_a_real_auditd_writes_is_told_over_its_rotations(tmp_path: Path) -> None:
    if (reason := harness.why_not()) is not None:
        pytest.skip(reason)
    with kernel_audit(), Auditd(tmp_path / "auditd") as auditd:
        argv = (sys.executable, "-c", _MAIN, "audit", "follow", "--vm", "followed", str(auditd.folder))
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as following:
            assert following.stdout is not None
            try:
                time.sleep(1)
                for op, why in (
                    ("start", "booted"),
                    ("stop", "shutdown"),
                    ("start", "restored"),
                    ("stop", "crashed"),
                ):
                    tell(op, why)
                    line = following.stdout.readline()
                    assert op in line
                    assert "followed" in line
                    auditd.rotate()
                following.send_signal(signal.SIGINT)
                assert following.wait(20) == 130
            finally:
                following.kill()
        assert len(auditd.logs()) > 3
