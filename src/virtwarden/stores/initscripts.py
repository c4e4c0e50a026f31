"""System V's init scripts, by way of `service`."""

from __future__ import annotations

import os
from dataclasses import dataclass

from virtwarden.stores.daemons import SETTLING, at_rest, names_of
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs


@dataclass(frozen=True, slots=True)
class InitScripts:
    """System V's init scripts, by way of `service`."""

    programs: Programs
    scripts: str = "/etc/init.d"
    settling: float = SETTLING
    manager: str = "init scripts"

    def find(self, name: str) -> str:
        stems = (each.removesuffix(".service") for each in names_of(name))
        return next((each for each in stems if os.access(os.path.join(self.scripts, each), os.X_OK)), "")

    def is_active(self, name: str) -> bool:
        script = self.find(name)
        return bool(script) and self.programs.ask(("service", script, "status")).code == 0

    def has_failed(self, name: str) -> bool:
        script = self.find(name)  # dead, with the file of its process or its lock still there (LSB)
        return bool(script) and self.programs.ask(("service", script, "status")).code in (1, 2)

    def start(self, name: str) -> None:
        self._do("start", name)

    def stop(self, name: str) -> None:
        if self.is_active(name):
            self.programs.must(("service", self.find(name), "stop"))

    def let_go(self, name: str) -> None:
        """There are no sockets apart from their daemons."""

    def restart(self, name: str) -> None:
        self._do("restart", name)

    def reload(self, name: str) -> None:
        self._do("reload", name)

    def read_units(self) -> None:
        """Scripts are read whenever they are run."""

    def _do(self, verb: str, name: str) -> None:
        script = self.find(name)
        if not script:
            raise StoreError(f"there is no init script of {name}")
        said = self.programs.ask(("service", script, verb))
        if said.code != 0:
            raise StoreError(f"{script} does not {verb}: {said.complaint}")
        if not at_rest(lambda: self.is_active(name), lambda _: False, self.settling, self.settling):
            raise StoreError(f"{script} does not stay up: {said.complaint}")
