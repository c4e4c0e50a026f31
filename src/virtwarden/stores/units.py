"""Units of systemd: whether they start at boot, which their links say, and whether they run.

Their links are changed as systemctl would, and put back as they were; no unit of somebody else is touched. Below a
directory that is no running system the links are all there is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from virtwarden.edits import Edit, SetState
from virtwarden.formats import Malformed, ini
from virtwarden.model import Document
from virtwarden.places import UNIT_PLACES
from virtwarden.stores.files import Files
from virtwarden.stores.images import FileImage, Image, StateImage, StoreError
from virtwarden.stores.programs import Programs
from virtwarden.stores.services import Services

_PLACE = "/etc/systemd/system"
_BY_HAND = "on a host without systemd services are changed by hand: chkconfig or update-rc.d, and service"
_WORDS = ("enabled", "disabled", "masked", "active")


@dataclass(frozen=True, slots=True)
class Units:
    """The units below a root directory; of the running system where that is `/`."""

    root: str = "/"
    programs: Programs = field(default_factory=Programs)

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The links that enable, alias or mask the unit, and whether it runs. Raises `StoreError`."""
        del edits
        words = {}
        if self._runs:
            said = self.programs.ask(("systemctl", "is-active", name))
            words["active"] = said.stdout.strip() or "unknown"
        return StateImage(words, dict(sorted(self._links(name))))

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """What the unit is to be; `put` finds out which links that takes. Raises `StoreError`."""
        wanted = [edit.state for edit in edits if isinstance(edit, SetState)]
        if not isinstance(image, StateImage) or not wanted or wanted[-1] not in _WORDS:
            raise StoreError(f"{document} cannot be made {', '.join(wanted)}")
        if self.root == "/" and not self._runs:
            raise StoreError(f"{document}: {_BY_HAND}")
        links = dict(image.links)
        words = dict(image.words)
        if wanted[-1] == "disabled":
            links = {path: target for path, target in links.items() if target == "/dev/null"}
        elif wanted[-1] == "enabled":
            links |= dict(self._enabling(document.name))
        elif wanted[-1] == "masked":
            links = {f"{_PLACE}/{document.name}": "/dev/null"}
        if "active" in words:
            words["active"] = "active" if wanted[-1] in ("enabled", "active") else "inactive"
        return StateImage(words, dict(sorted(links.items())))

    def put(self, name: str, image: Image) -> Image:
        """Make it so. Raises `StoreError`."""
        now = self.image(name)
        if not isinstance(image, StateImage) or not isinstance(now, StateImage):
            raise StoreError(f"unit {name} has no such state")
        try:
            self._put_links(now.links, image.links)
        except OSError as error:
            raise StoreError(f"unit {name}: {(error.strerror or str(error)).lower()}") from None
        if self._runs and now.links != image.links:
            self.programs.must(("systemctl", "daemon-reload"))
        wanted = image.words.get("active")
        if self._runs and wanted != now.words.get("active"):
            self._put_active(name, start=wanted in ("active", "activating", "reloading"))
        return self.image(name)

    @property
    def _runs(self) -> bool:
        return self.root == "/" and Services(self.programs).has_systemd

    def _put_active(self, name: str, *, start: bool) -> None:
        self.programs.must(("systemctl", "start" if start else "stop", name))

    # --- links -----------------------------------------------------------------------------------

    def _links(self, name: str) -> Iterator[tuple[str, str]]:
        """The links by which a unit is enabled, has other names, or is masked."""
        top = self._folder(_PLACE)
        if top is None:
            return
        folders = [top, *(each for each in sorted(top.iterdir()) if each.name.endswith((".wants", ".requires")))]
        for folder in folders:
            if folder.is_symlink() or not folder.is_dir():
                continue
            for entry in sorted(folder.iterdir()):
                if entry.is_symlink() and (entry.name == name or os.path.basename(os.readlink(entry)) == name):
                    below = f"{_PLACE}/{entry.relative_to(top)}"
                    yield below, os.readlink(entry)

    def missing_directories(self, image: Image) -> list[str]:
        """The directories that its links need, outermost first."""
        links = image.links if isinstance(image, StateImage) else {}
        files = Files(self.root)
        return list(dict.fromkeys(folder for path in links for folder in files.missing_directories(path)))

    def _enabling(self, name: str) -> Iterator[tuple[str, str]]:
        """The links that the unit's [Install] section asks for."""
        path, text = self._unit_file(name)
        try:
            entries = tuple(ini.parse(text, path))
        except Malformed as wrong:
            raise StoreError(f"{path}: {wrong}") from None
        for key, suffix in (("WantedBy", "wants"), ("RequiredBy", "requires")):
            for entry in ini.every(entries, "Install", key):
                yield from ((f"{_PLACE}/{target}.{suffix}/{name}", path) for target in entry.value.split())
        for entry in ini.every(entries, "Install", "Alias"):
            yield from ((f"{_PLACE}/{alias}", path) for alias in entry.value.split() if alias != name)
        for entry in ini.every(entries, "Install", "Also"):
            for other in entry.value.split():
                if other != name and not list(self._links(other)):
                    with suppress(RecursionError):
                        yield from self._enabling_alone(other)

    def _enabling_alone(self, name: str) -> Iterator[tuple[str, str]]:
        """The links of a unit that comes with another one, without those that come with it in turn."""
        path, text = self._unit_file(name)
        for entry in ini.every(tuple(ini.parse(text, path)), "Install", "WantedBy"):
            yield from ((f"{_PLACE}/{target}.wants/{name}", path) for target in entry.value.split())

    def _unit_file(self, name: str) -> tuple[str, str]:
        files = Files(self.root)
        template = re.sub(r"@[^.]*\.", "@.", name)
        for place in UNIT_PLACES:
            for each in dict.fromkeys((name, template)):
                found = files.image(f"{place}/{each}")
                if isinstance(found, FileImage) and found.data is not None:
                    return f"{place}/{each}", found.data.decode("utf-8", "surrogateescape")
        raise StoreError(f"there is no unit file of {name}")

    def _put_links(self, now: dict[str, str | None], wanted: dict[str, str | None]) -> None:
        for path in now.keys() | wanted.keys():
            with suppress(FileNotFoundError, NotADirectoryError):
                self._temporary(path).unlink()
        for path in now.keys() - wanted.keys():
            self._where(path).unlink(missing_ok=True)
        for path, target in wanted.items():
            if target is not None and now.get(path) != target:
                temporary = self._temporary(path)
                os.symlink(target, temporary)
                os.replace(temporary, self._where(path))

    def _temporary(self, path: str) -> Path:
        where = self._where(path)
        return where.with_name(f".{where.name}.virt-warden")

    def _folder(self, path: str) -> Path | None:
        """A directory below the root that no link leads out of; None where there is none."""
        where = Path(os.path.realpath(self.root))
        for part in path.strip("/").split("/"):
            where /= part
            if where.is_symlink():
                raise StoreError(f"{path} is a link; units are not changed through it")
        return where if where.is_dir() else None

    def _where(self, path: str) -> Path:
        self._folder(os.path.dirname(path))
        return Path(os.path.realpath(self.root)) / path.lstrip("/")
