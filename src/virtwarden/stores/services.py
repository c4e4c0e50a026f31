"""The services of the running system, whoever starts them: systemd, or the scripts that came before it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs, Said

_OTHER_NAMES = {"sshd": ("sshd", "ssh"), "libvirtd": ("libvirtd", "libvirt-bin")}
_SETTLES = 0.3


@dataclass(frozen=True, slots=True)
class Services:
    """What starts and stops daemons on this host. The daemons outlive us: `programs` must hold no lock."""

    programs: Programs
    systemd: Path = Path("/run/systemd/system")
    scripts: Path = Path("/etc/init.d")

    @property
    def has_systemd(self) -> bool:
        """Whether systemd runs."""
        return self.systemd.is_dir()

    def find(self, name: str) -> str | None:
        """The name by which a service goes here, None where there is no such service."""
        names = _OTHER_NAMES.get(name, (name,))
        if self.has_systemd:
            return next((each for each in names if self._is_loaded(each)), None)
        return next((each for each in names if os.access(self.scripts / each, os.X_OK)), None)

    def is_active(self, name: str) -> bool:
        """Whether a service runs."""
        return self._say(name, "is-active").code == 0

    def restart(self, name: str) -> None:
        """Stop and start a service, and see that it runs. Raises `StoreError` with its last words."""
        self._must(name, "restart")

    def reload(self, name: str) -> None:
        """Have a service read its settings anew, and see that it still runs. Raises `StoreError`."""
        self._must(name, "reload")

    def daemon_reload(self) -> None:
        """Have systemd read its units anew; elsewhere nothing has to be done. Raises `StoreError`."""
        if self.has_systemd:
            self.programs.must(("systemctl", "daemon-reload"))

    def _is_loaded(self, name: str) -> bool:
        said = self.programs.ask(("systemctl", "show", "--property=LoadState", "--value", _unit(name)))
        return said.stdout.strip() == "loaded"

    def _must(self, name: str, verb: str) -> None:
        said = self._say(name, verb)
        time.sleep(_SETTLES)  # a daemon that finds its settings wrong ends a moment after it was started
        if said.code != 0 or not self.is_active(name):
            raise StoreError(f"{name} does not {verb}: {self._last_words(name, said)}")

    def _say(self, name: str, verb: str) -> Said:
        if self.has_systemd:
            return self.programs.ask(("systemctl", verb, _unit(name)))
        word = "status" if verb == "is-active" else verb
        return self.programs.ask((str(self.scripts / name), word))

    def _last_words(self, name: str, said: Said) -> str:
        if not self.has_systemd:
            return said.complaint
        log = self.programs.ask(("journalctl", "--unit", _unit(name), "--lines=1", "--output=cat", "--no-pager"))
        return log.stdout.strip() or said.complaint


def _unit(name: str) -> str:
    return name if "." in name else f"{name}.service"
