"""The audit rules that the real kernel of this machine holds."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from virtwarden.edits import SetState
from virtwarden.model import Activation, Document
from virtwarden.stores.activating import activator
from virtwarden.stores.activators import System
from virtwarden.stores.auditkernel import LOADED, AuditKernel, is_locked
from virtwarden.stores.auditloading import COMPILED, without_locks
from virtwarden.stores.images import Nothing, StateImage, StoreError
from virtwarden.stores.programs import Programs
from virtwarden.stores.services import Unmanaged

_LOCK = "/tmp/audit.lock"
RULES = (
    ("-a", "always,exit", "-F", "arch=b64", "-S", "openat", "-F", "dir=/etc/", "-F", "perm=wa", "-k", "a"),
    ("-a", "always,exit", "-F", "exe!=/usr/bin/true", "-S", "all", "-F", "auid!=unset", "-k", "two"),
    ("-w", "/etc/passwd", "-p", "wa", "-k", "three"),
    ("-a", "never,user", "-F", "uid=4242"),
    ("-a", "always,exclude", "-F", "msgtype=CWD"),
    ("-a", "always,exit", "-F", "arch=b64", "-F", "subj_type!=svirt_t", "-F", "path=/etc/shadow", "-F", "perm=r"),
    ("-A", "always,exit", "-F", "arch=b64", "-S", "execve", "-k", "first"),
)  # fmt: skip


@pytest.fixture
def kernel() -> Iterator[AuditKernel]:
    """The kernel's audit system, as it was found once the test is over."""
    if os.geteuid() != 0 or shutil.which("auditctl") is None:
        pytest.skip("the kernel's audit rules need root and auditctl")
    with open(_LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = AuditKernel()
        try:
            found = store.image(LOADED.name)
            if is_locked(found):
                pytest.skip("the kernel's audit rules are locked")
            store.put(LOADED.name, found)
        except StoreError as error:
            pytest.skip(str(error))
        try:
            yield store
        finally:
            store.put(LOADED.name, found)


def auditctl(*arguments: str) -> str:
    done = subprocess.run(("auditctl", *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rules_and_settings_come_back_as_they_were(kernel: AuditKernel) -> None:
    for rule in RULES:
        auditctl(*rule)
    auditctl("-b", "128")
    before, listed = kernel.image(LOADED.name), auditctl("-l")
    auditctl("-D")
    auditctl("-b", "256")
    auditctl("-w", "/etc/group", "-p", "wa", "-k", "other")
    assert kernel.put(LOADED.name, before) == before
    assert auditctl("-l") == listed
    assert "backlog_limit 128" in auditctl("-s")


def test_what_is_behind_a_rule_that_is_missing_comes_back_in_its_order(kernel: AuditKernel) -> None:
    for rule in RULES[:4]:
        auditctl(*rule)
    before, listed = kernel.image(LOADED.name), auditctl("-l")
    auditctl("-d", *RULES[0][1:])
    assert auditctl("-l") != listed
    kernel.put(LOADED.name, before)
    assert auditctl("-l") == listed


def test_no_lock_is_ever_set(kernel: AuditKernel) -> None:
    now = kernel.image(LOADED.name)
    assert isinstance(now, StateImage)
    with pytest.raises(StoreError, match=r"takes a boot"):
        kernel.put(LOADED.name, StateImage({**now.words, "enabled": "2"}))
    assert kernel.image(LOADED.name) == now
    assert kernel.put(LOADED.name, Nothing()) == now


def test_rules_are_not_edited_in_the_kernel() -> None:
    image = StateImage({"enabled": "2", "rules": ""})
    assert is_locked(image)
    assert AuditKernel().edited(LOADED, image, ()) == image
    with pytest.raises(StoreError, match=r"by way of their files"):
        AuditKernel().edited(LOADED, image, [SetState("x")])


def loading(root: Path, text: str) -> System:
    """A system without augenrules, whose rules are already put together."""
    (root / "etc/audit").mkdir(parents=True)
    (root / COMPILED.strip("/")).write_text(text)
    return System(Programs(), Unmanaged(), str(root))


def test_loading_takes_the_rules_but_not_the_lock(kernel: AuditKernel, tmp_path: Path) -> None:
    system = loading(tmp_path, "-D\n-b 320\n-w /etc/passwd -p wa -k loaded\n--loginuid-immutable\n-e 2\n")
    load = activator(Activation("audit-rules"), system)
    before = kernel.image(LOADED.name)
    assert load.why_not() == ""
    assert load.touches() == (Document("file", COMPILED), Document("file", f"{COMPILED}.prev"), LOADED)
    assert "takes effect when the host is booted" in load.do()
    assert auditctl("-l") == "-w /etc/passwd -p wa -k loaded\n"
    status = auditctl("-s")
    assert "enabled 1" in status
    assert "loginuid_immutable 0" in status
    assert kernel.put(LOADED.name, before) == before


def test_rules_that_the_kernel_refuses_are_an_error(kernel: AuditKernel, tmp_path: Path) -> None:
    system = loading(tmp_path, "-D\n-a always,exit -F dir=/no/such/place -F perm=wa\n")
    before = kernel.image(LOADED.name)
    with pytest.raises(StoreError, match=r"the audit rules cannot be loaded: .*"):
        activator(Activation("audit-rules"), system).do()
    kernel.put(LOADED.name, before)


def test_what_locks_is_left_out_and_what_only_looks_like_it_is_not() -> None:
    assert without_locks("-w /x -k a-e 2\n -e 2\n# -e 2\n-e 1\n") == "-w /x -k a-e 2\n-e 1\n# -e 2\n-e 1\n"
