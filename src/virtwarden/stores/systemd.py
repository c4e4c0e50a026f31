"""systemd, by way of systemctl: a daemon that does not come back is noticed by its state, not by an exit code alone."""

from __future__ import annotations

import time
from dataclasses import dataclass

from virtwarden.stores.daemons import SETTLING, TYPES, at_rest, names_of
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs

_HEEDS_HUP = ("auditd.service",)
_HOLD_GUESTS_FILES = ("virtlogd.service", "virtlockd.service")
_SOCKET_TRIES = 3
_PATIENCE = 90.0


@dataclass(frozen=True, slots=True)
class Unit:
    """What systemd says of a unit: `active` is its ActiveState, `kind` the Type of a service."""

    name: str
    active: str
    kind: str = ""
    stops_by_hand: bool = True
    reloads: bool = False
    triggered_by: tuple[str, ...] = ()
    met: bool = True
    masked: bool = False

    @property
    def runs(self) -> bool:
        return self.active in ("active", "reloading", "activating")

    @property
    def may_end(self) -> bool:
        """Whether it is no failure that it has ended: its job is done, or is not for this host."""
        return self.kind == "oneshot" or not self.met


@dataclass(frozen=True, slots=True)
class Systemd:
    """systemd. A daemon has to stay active for the time of `settling` in seconds."""

    programs: Programs
    settling: float = SETTLING
    patience: float = _PATIENCE
    manager: str = "systemd"

    def find(self, name: str) -> str:
        units = (self.unit(each) for each in names_of(name))
        return next((unit.name for unit in units if unit is not None and not unit.masked), "")

    def unit(self, name: str) -> Unit | None:
        """What is known of a unit; None where there is none."""
        properties = "Id,LoadState,ActiveState,Type,RefuseManualStop,CanReload,TriggeredBy,ConditionResult"
        said = self.programs.ask(("systemctl", "show", f"--property={properties}", _whole(name)))
        if said.code != 0:
            raise StoreError(f"systemctl does not tell of {name}: {said.complaint}")
        told = dict(line.partition("=")[::2] for line in said.stdout.splitlines())
        if told.get("LoadState", "not-found") == "not-found":
            return None
        return Unit(
            told.get("Id") or _whole(name),
            told.get("ActiveState", "inactive"),
            told.get("Type", ""),
            told.get("RefuseManualStop") != "yes",
            told.get("CanReload") == "yes",
            tuple(told.get("TriggeredBy", "").split()),
            told.get("ConditionResult") != "no",
            told["LoadState"] == "masked",
        )

    def is_active(self, name: str) -> bool:
        unit = self.unit(name)
        return unit is not None and unit.runs

    def has_failed(self, name: str) -> bool:
        unit = self.unit(name)
        return unit is not None and unit.active == "failed"

    def start(self, name: str) -> None:
        self._with_socket(self._known(name), "start")

    def _with_socket(self, unit: Unit, verb: str) -> None:
        """Do it to a unit. A socket is not given to a service that runs: that is stopped first and begins anew with
        it."""
        running = self._running_behind(unit)
        for attempt in range(_SOCKET_TRIES):
            for service in running:
                self.programs.must(("systemctl", "stop", service))
            try:
                self._do(verb, unit)
                break
            except StoreError:  # a client may have come by another socket and started the service again
                if not running or attempt + 1 == _SOCKET_TRIES:
                    raise
        for service in running:
            self._do("start", self._known(service))

    def _running_behind(self, unit: Unit) -> list[str]:
        """The services that a socket unit is for and that run now."""
        if not unit.name.endswith(".socket"):
            return []
        said = self.programs.ask(("systemctl", "show", "--property=Triggers", "--value", unit.name))
        return [name for name in said.stdout.split() if said.code == 0 and self.is_active(name)]

    def stop(self, name: str) -> None:
        unit = self.unit(name)
        if unit is None or unit.active in ("inactive", "failed"):
            return
        if unit.stops_by_hand:
            self.programs.must(("systemctl", "stop", unit.name))
        else:
            self._signal(unit, "TERM")
        if self._settled(unit).runs:
            raise StoreError(f"{unit.name} does not stop")

    def let_go(self, name: str) -> None:
        unit = self.unit(name)
        for service in [] if unit is None else self._running_behind(unit):
            self._do("restart", self._known(service))

    def restart(self, name: str) -> None:
        unit = self._known(name)
        if unit.stops_by_hand or not unit.runs:
            self._with_socket(unit, "restart")
        else:
            self.reload(name)

    def reload(self, name: str) -> None:
        unit = self._known(name)
        if not unit.reloads and unit.name in _HOLD_GUESTS_FILES:
            raise StoreError(
                f"{unit.name} cannot be reloaded, and a restart would take away what guests have open"
            )
        if not unit.reloads and unit.name in _HEEDS_HUP:
            self._signal(unit, "HUP")
            self._holds(unit, time.time())
        else:
            self._do("reload" if unit.reloads and unit.active == "active" else "restart", unit)

    def read_units(self) -> None:
        self.programs.must(("systemctl", "daemon-reload"))

    def _known(self, name: str) -> Unit:
        unit = self.unit(self.find(name) or name)
        if unit is None or unit.masked:
            raise StoreError(f"systemd knows no {name} that can be started")
        return unit

    def _signal(self, unit: Unit, signal: str) -> None:
        self.programs.must(("systemctl", "kill", "--kill-who=main", f"--signal={signal}", unit.name))

    def _do(self, verb: str, unit: Unit) -> None:
        began = time.time()
        if unit.active == "failed":  # else it may be refused for having been started too often
            self.programs.ask(("systemctl", "reset-failed", unit.name))
        said = self.programs.ask(("systemctl", verb, unit.name))
        if said.code != 0:
            raise StoreError(f"{unit.name} does not {verb}: {self._last_words(unit, began) or said.complaint}")
        self._holds(unit, began)

    def _holds(self, unit: Unit, began: float) -> None:
        now = self._settled(unit)
        if now.active != "active" and not (now.active == "inactive" and now.may_end):
            words = self._last_words(unit, began)
            raise StoreError(f"{unit.name} does not stay up, it is {now.active}" + (f": {words}" if words else ""))

    def _settled(self, unit: Unit) -> Unit:
        """The unit when it has come to rest, or patience has."""
        gone = Unit(unit.name, "inactive", unit.kind)
        return at_rest(
            lambda: self.unit(unit.name) or gone,
            lambda now: now.active in ("activating", "deactivating", "reloading"),
            self.settling,
            self.patience,
        )

    def _last_words(self, unit: Unit, began: float) -> str:
        """What the daemon itself said last; the manager's own remarks are not it."""
        asked = ("journalctl", "--no-pager", "-q", "-o", "cat", "-n", "1", f"--since=@{int(began)}")
        try:
            said = self.programs.ask((*asked, f"_SYSTEMD_UNIT={unit.name}"))
        except StoreError:
            return ""
        return said.stdout.strip() if said.code == 0 else ""


def _whole(name: str) -> str:
    return name if name.endswith(TYPES) else f"{name}.service"
