"""systemd's units as documents: the links that enable them, and whether they run.

Enabling and disabling is done with the very links that systemctl would make, so that what was there can be brought
back link by link; systemd is asked only to read them and to start and stop. Below the root directory of a system
that does not run there are links alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from virtwarden.edits import Edit, SetState
from virtwarden.model import Document
from virtwarden.stores import auditloading, installs, links
from virtwarden.stores.files import Files
from virtwarden.stores.images import Image, Nothing, StateImage, StoreError
from virtwarden.stores.initscripts import InitScripts
from virtwarden.stores.services import Services
from virtwarden.stores.systemd import Systemd

_STATES = ("enabled", "disabled", "masked", "active", "inactive")
_BY_HAND = {
    "enabled": "`update-rc.d {0} enable` or `chkconfig {0} on`",
    "disabled": "`update-rc.d {0} disable` or `chkconfig {0} off`",
}


@dataclass(frozen=True, slots=True)
class Units:
    """The units below a root directory; `services` is the manager that runs there, None where none does."""

    services: Services | None = None
    root: str = "/"

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """Its words: `enabled`, and `active` for it and for those that start it on demand. Raises `StoreError`."""
        name = _whole(name)
        unit = self._unit(name)
        if unit is None:
            return self._script(name)
        family = installs.family(self.root, unit)
        there = installs.present(self.root, {*family, name})
        expected = (path for each in family.values() for path in (*each.wanted, each.mask))
        every = {**dict.fromkeys(expected), **there}
        words = {"enabled": installs.word(unit, every)}
        if isinstance(self.services, Systemd):
            running = self._running_family(unit.name, family)
            words |= {_key(each, unit.name): self._activity(each) for each in running}
        return StateImage(words, dict(sorted(every.items())))

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The image with the unit in the state that is asked for. Raises `StoreError`."""
        if not isinstance(image, StateImage):
            raise StoreError(f"there is no unit {document.name} on this host")
        for edit in edits:
            if not isinstance(edit, SetState) or edit.state not in _STATES:
                raise StoreError(f"unit {document.name} cannot be changed in this way")
            image = self._set(_whole(document.name), image, edit.state)
        return image

    def put(self, name: str, image: Image) -> Image:
        """Have the links so, and start or stop what differs; what starts on demand goes first. Raises
        `StoreError`."""
        now = self.image(name)
        wanted = image if isinstance(image, StateImage) else StateImage({}, {})
        runs = _activities(now)
        goal = _activities(wanted) if isinstance(image, StateImage) else dict.fromkeys(runs, "inactive")
        main = self._real(_whole(name))
        for key in sorted(goal, key=lambda each: each == "active"):
            if goal[key] == "inactive" and runs.get(key) == "active":
                self._running().stop(_unit_of(key, main))
        before = now.links if isinstance(now, StateImage) else {}
        for path in before.keys() | wanted.links.keys():
            links.put(self.root, path, wanted.links.get(path))
        if self.services is not None:
            self.services.read_units()
        for key in sorted(goal, key=lambda each: each == "active"):
            if goal[key] == "active" and runs.get(key) != "active":
                self._running().start(_unit_of(key, main))
        if main.endswith(".socket") and runs.get("active") == "active" and goal.get("active") == "inactive":
            self._running().let_go(main)
        return self.image(name)

    def missing_directories(self, image: Image) -> list[str]:
        """The directories that its links need, outermost first."""
        wanted = image.links if isinstance(image, StateImage) else {}
        paths = [path for path, target in wanted.items() if target is not None]
        files = Files(self.root)
        return list(dict.fromkeys(each for path in paths for each in files.missing_directories(path)))

    def _set(self, name: str, image: StateImage, state: str) -> StateImage:
        words = dict(image.words)
        if state in ("active", "inactive"):
            return self._with_activity(name, image, state)
        unit = self._unit(name)
        if unit is None:
            script = name.removesuffix(".service")
            how = _BY_HAND.get(state, "its init script").format(script)
            raise StoreError(f"{script} is started by an init script; make it {state} by hand with {how}")
        changed = self._links(unit, image, state)
        words["enabled"] = installs.word(unit, changed)
        if state == "enabled":
            if "active" in words and not self._would_lock(unit.name):
                words["active"] = "active"
        else:
            words |= {key: "inactive" for key in words if key.startswith("active")}
        return StateImage(words, dict(sorted(changed.items())))

    def _links(self, unit: installs.Installation, image: StateImage, state: str) -> dict[str, str | None]:
        changed = dict(image.links)
        if state == "masked":
            return {**changed, unit.mask: "/dev/null"}
        for path in (unit.mask, f"{installs.RUN}/{unit.name}"):
            if changed.get(path) == "/dev/null" and state == "enabled":
                changed[path] = None
        if state == "enabled":
            if unit.asks and not unit.wanted:
                raise StoreError(f"{unit.name} is a template, of which only an instance can be enabled")
            return {**changed, **installs.enabling(self.root, unit)}
        family = installs.family(self.root, unit)
        own = {f"{top}/{each}" for each in family for top in (installs.ETC, installs.RUN)}
        return {path: target if path in own else None for path, target in changed.items()}

    def _with_activity(self, name: str, image: StateImage, state: str) -> StateImage:
        if "active" not in image.words:
            raise StoreError(f"no service manager runs here that could make {name} {state}")
        if state == "active" and self._would_lock(name):
            raise StoreError(f"starting {name} would lock the audit rules until the host is booted (-e 2)")
        keys = ["active"] if state == "active" else [key for key in image.words if key.startswith("active")]
        return StateImage({**image.words, **dict.fromkeys(keys, state)}, image.links)

    def _unit(self, name: str) -> installs.Installation | None:
        """The unit; none of a daemon that an init script starts here, whatever other files it comes with."""
        if isinstance(self.services, InitScripts) and self.services.find(name):
            return None
        return installs.find(self.root, name)

    def _would_lock(self, name: str) -> bool:
        """Whether starting the unit would do what nothing can take back; at a boot it is as the host wants it."""
        return name in auditloading.LOADERS and auditloading.locks(self.root)

    def _script(self, name: str) -> Image:
        """What can be told of a daemon without a unit file of its own."""
        if self.services is None or not self.services.find(name):
            return Nothing()
        return StateImage({"active": self._activity(name)})

    def _running_family(self, name: str, family: dict[str, installs.Installation]) -> list[str]:
        assert isinstance(self.services, Systemd)
        unit = self.services.unit(name)
        triggers = [each for each in family if not each.endswith(".service")]
        return list(dict.fromkeys((name, *triggers, *(unit.triggered_by if unit is not None else ()))))

    def _activity(self, name: str) -> str:
        return "active" if self._running().is_active(name) else "inactive"

    def _running(self) -> Services:
        if self.services is None:
            raise StoreError("nothing runs here that could be started or stopped")
        return self.services

    def _real(self, name: str) -> str:
        unit = installs.find(self.root, name)
        return name if unit is None else unit.name


def _whole(name: str) -> str:
    return name if "." in name else f"{name}.service"


def _key(name: str, main: str) -> str:
    return "active" if name == main else f"active {name}"


def _unit_of(key: str, main: str) -> str:
    return key.removeprefix("active").strip() or main


def _activities(image: Image) -> dict[str, str]:
    if not isinstance(image, StateImage):
        return {}
    return {key: word for key, word in image.words.items() if key.startswith("active")}
