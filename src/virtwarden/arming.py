"""The timer that takes a transaction back unless it is confirmed: it runs outside this process and outlives it.

With systemd it is a transient timer, which also survives the end of the session. Elsewhere it is a process of its own
session that waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs

_SYSTEMD = Path("/run/systemd/system")
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Arming:
    """How long is waited for a confirmation, in seconds, and where the journal is."""

    seconds: float
    folder: Path

    def arm(self, id_: str) -> None:
        """Have the transaction taken back in `seconds` unless it is confirmed before. Raises `StoreError`."""
        watch = (*_ourselves(), "rollback", id_, "--unless-confirmed", "--state", str(self.folder))
        if _SYSTEMD.is_dir():
            Programs().must((*_timer(id_, self.seconds), *watch))
        else:
            _detached(watch, self.folder / "journal" / f"{id_}.watch")


def disarm(id_: str) -> None:
    """Stop the timer of a confirmed transaction; a waiting process ends by itself."""
    if _SYSTEMD.is_dir():
        Programs().ask(("systemctl", "stop", f"{_unit(id_)}.timer"))


def since_boot() -> float:
    """The seconds since this machine was booted, suspended ones included: no change of the clock moves them."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """The name of this boot."""
    return _BOOT_ID.read_text("ascii").strip()


def _unit(id_: str) -> str:
    return f"virt-warden-rollback-{id_}"


def _timer(id_: str, seconds: float) -> Sequence[str]:
    given = [f"--setenv=PYTHONPATH={path}" for path in [os.environ.get("PYTHONPATH")] if path]
    return (
        "systemd-run", f"--unit={_unit(id_)}", f"--on-active={seconds:g}s", "--timer-property=AccuracySec=1s",
        "--collect", "--quiet", *given, "--",
    )  # fmt: skip


def _ourselves() -> tuple[str, ...]:
    return (sys.executable, "-m", "virtwarden")


def _detached(argv: Sequence[str], log: Path) -> None:
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        subprocess.Popen(  # it is meant to outlive us
            argv, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=descriptor, cwd="/", start_new_session=True
        )
    except OSError as error:
        raise StoreError(f"{argv[0]} cannot be run: {(error.strerror or str(error)).lower()}") from None
    finally:
        os.close(descriptor)
