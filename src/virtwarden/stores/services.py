"""The service manager of the running system: systemd, System V's init scripts, or none."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Protocol

from virtwarden.stores.images import StoreError
from virtwarden.stores.initscripts import InitScripts
from virtwarden.stores.programs import Programs
from virtwarden.stores.systemd import Systemd


class Services(Protocol):
    """Starts and stops the daemons of the running system."""

    @property
    def manager(self) -> str:
        """What it is called; empty where there is none."""
        ...

    def find(self, name: str) -> str:
        """The name that a daemon goes by on this host; empty where it is not installed."""
        ...

    def is_active(self, name: str) -> bool:
        """Whether it runs. Raises `StoreError`."""
        ...

    def has_failed(self, name: str) -> bool:
        """Whether it was to run, and does not. Raises `StoreError`."""
        ...

    def start(self, name: str) -> None:
        """Have it run, with its files as they are now. Raises `StoreError` with its last words."""
        ...

    def stop(self, name: str) -> None:
        """Have it not run. Raises `StoreError`."""
        ...

    def let_go(self, name: str) -> None:
        """Have the services behind a socket that was stopped begin anew, since they hold it open still. Raises
        `StoreError`."""
        ...

    def restart(self, name: str) -> None:
        """Have it begin anew, whether it runs or has failed. Raises `StoreError` with its last words."""
        ...

    def reload(self, name: str) -> None:
        """Have it read its files again, begin anew where it cannot do that alone. Raises `StoreError`."""
        ...

    def read_units(self) -> None:
        """Have the manager read its own files again. Raises `StoreError`."""
        ...


def services(programs: Programs, root: str = "/") -> Services:
    """The manager that runs here; `root` is where its marks are looked for."""
    if os.path.isdir(os.path.join(root, "run/systemd/system")):
        return Systemd(programs)
    if os.path.isdir(os.path.join(root, "etc/init.d")):
        return InitScripts(programs, os.path.join(root, "etc/init.d"))
    return Unmanaged()


@dataclass(frozen=True, slots=True)
class Unmanaged:
    """No service manager: nothing is known, and nothing can be started."""

    manager: str = ""

    def find(self, name: str) -> str:
        return ""

    def is_active(self, name: str) -> bool:
        return False

    def has_failed(self, name: str) -> bool:
        return False

    def start(self, name: str) -> None:
        raise StoreError(f"no service manager runs here that could start {name}")

    def stop(self, name: str) -> None:
        raise StoreError(f"no service manager runs here that could stop {name}")

    def let_go(self, name: str) -> None:
        """There is nothing that holds anything."""

    def restart(self, name: str) -> None:
        raise StoreError(f"no service manager runs here that could restart {name}")

    def reload(self, name: str) -> None:
        raise StoreError(f"no service manager runs here that could reload {name}")

    def read_units(self) -> None:
        """There are none."""
