"""The lab of the host that this program runs on."""

from __future__ import annotations

import errno
import os
import pwd
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from virtwarden.lab import UNSET, Act, Done, Impossible, Ourselves, ThrowAway, Width
from virtwarden.labs import acts, guests, sweeping
from virtwarden.labs.auditlog import PATIENCE, AuditLog

_CONTEXT = "/sys/fs/selinux/context"
_CURRENT = Path("/proc/self/attr/current")
_UNUSED = range(59999, 30000, -1)


class ThisHost:
    """A lab on this host. `log` is the audit log, `connect` libvirt's address; `patience` seconds are waited for a
    record. Use it inside `open`."""

    def __init__(self, log: str, connect: str = "qemu:///system", patience: float = PATIENCE) -> None:
        self._log = log
        self._connect = connect
        self._patience = patience
        self._missing: dict[Width, str] = {}

    @contextmanager
    def open(self, directories: Iterable[str]) -> Iterator[ThisHost]:
        """Be alone on this host, and remove first what a killed run left in these directories. Raises `Impossible`."""
        if os.geteuid() != 0:
            raise Impossible("only root can prove what is audited")
        with sweeping.alone(acts.PLACES):
            sweeping.sweep(acts.PLACES, directories)
            yield self

    def ourselves(self) -> Ourselves:
        """See `Lab`."""
        try:
            login = int(Path("/proc/self/loginuid").read_text())
        except (OSError, ValueError):
            login = UNSET
        return Ourselves(login, os.path.realpath("/proc/self/exe"), _own_type(), _nobody())

    def act(self, act: Act) -> Done:
        """See `Lab`; a width that this kernel was seen to lack is not tried again."""
        if act.width in self._missing:
            raise Impossible(self._missing[act.width])
        try:
            return acts.done(act)
        except acts.NoNarrowDoor as none:
            self._missing[act.width] = str(none)
            raise

    def knows_type(self, name: str) -> bool | None:
        """See `Lab`. A file's context may have any type that the policy has, a process's too."""
        try:
            with open(_CONTEXT, "r+b", buffering=0) as context:
                context.write(f"system_u:object_r:{name}:s0\0".encode())
        except FileNotFoundError:
            return None
        except OSError as refused:
            return False if refused.errno == errno.EINVAL else None
        return True

    def listening(self) -> AbstractContextManager[AuditLog]:
        """See `Lab`."""
        return AuditLog(self._log, self._patience)

    @contextmanager
    def guest(self) -> Iterator[ThrowAway]:
        """See `Lab`; guests of killed runs go first."""
        guests.sweep(self._connect)
        with guests.thrown_away(self._connect) as guest:
            yield guest


def _own_type() -> str:
    try:
        parts = _CURRENT.read_text().rstrip("\0\n").split(":")
    except OSError:
        return ""
    return parts[2] if len(parts) > 3 else ""


def _nobody() -> int:
    """A number of a person that nobody here has, so that no deed is laid to somebody's charge."""
    taken = {user.pw_uid for user in pwd.getpwall()}
    return next(number for number in _UNUSED if number not in taken)
