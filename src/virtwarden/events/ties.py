"""Which guest a denial or an anomaly is about: found by what the guest holds *now*, so that a label or a process id
that another guest held before blames nobody."""

from __future__ import annotations

from typing import TypeVar

from virtwarden.events.model import Anomaly, Denial, Label, Resource
from virtwarden.events.runs import Key, Run

_OWN = (
    "disk",
    "fs",
    "hostdev",
    "chardev",
    "shmem",
    "ivshmem-socket",
    "tpm",
    "tpm-emulator",
    "tpm-external",
    "evdev",
)
"""Resources whose path is one guest's own; devices such as /dev/random are everybody's."""
_PROFILE = "libvirt-"
_UUID = 36

_K = TypeVar("_K")
_NOBODY: dict[Run, None] = {}


class Untied:
    """Ties of a log of which no denial is read: there is nothing to tie."""

    def __init__(self, open_: dict[str, Run]) -> None:
        del open_

    def label(self, run: Run, label: Label) -> None:
        """Nothing."""

    def process(self, run: Run) -> None:
        """Nothing."""

    def resource(self, run: Run, ok: bool, resource: Resource) -> None:
        """Nothing."""

    def drop(self, run: Run) -> None:
        """Nothing."""

    def of(self, detail: Denial | Anomaly) -> tuple[Run | None, str]:
        """Nobody."""
        del detail
        return None, ""


class Ties:
    """What the guests of one host hold: labels, processes, paths."""

    __slots__ = ("_images", "_labels", "_open", "_paths", "_pids")

    def __init__(self, open_: dict[str, Run]) -> None:
        self._open = open_
        self._labels: dict[Key, dict[Run, None]] = {}
        self._images: dict[Key, dict[Run, None]] = {}
        self._paths: dict[str, dict[Run, None]] = {}
        self._pids: dict[int, Run] = {}

    def label(self, run: Run, label: Label) -> None:
        """The guest holds a label from now on."""
        if label.model == "selinux":
            for held, key in ((self._labels, _key(label.process)), (self._images, _key(label.image))):
                held.setdefault(key, {})[run] = None
                run.held.append((held, key))

    def process(self, run: Run) -> None:
        """The guest has a process."""
        if run.pid is not None:
            self._pids[run.pid] = run

    def resource(self, run: Run, ok: bool, resource: Resource) -> None:
        """The guest got a resource, or gave it back."""
        if resource.type not in _OWN or not ok:
            return
        if resource.old is not None and resource.old in run.paths:
            run.paths.discard(resource.old)
            _without(self._paths, resource.old, run)
        path = resource.new
        if path is not None and path.startswith("/") and path not in run.paths:
            run.paths.add(path)
            self._paths.setdefault(path, {})[run] = None

    def drop(self, run: Run) -> None:
        """The guest is gone, and holds nothing any more."""
        for held, key in run.held:
            _without(held, key, run)
        for path in run.paths:
            _without(self._paths, path, run)
        if run.pid is not None and self._pids.get(run.pid) is run:
            del self._pids[run.pid]

    def of(self, detail: Denial | Anomaly) -> tuple[Run | None, str]:
        """The guest that it is about and by what that is told; None where it is about none, or may be about several."""
        subject = detail.subject
        profile = subject.find(_PROFILE)
        if profile >= 0:
            run = self._open.get(subject[profile + len(_PROFILE) :][:_UUID])
            if run is not None:
                return run, "profile"
        pid = self._pids.get(detail.pid or 0)
        key = _key(subject)
        held = self._labels.get(key, _NOBODY)
        if len(held) == 1 or (pid is not None and pid in held):
            return (pid if pid is not None and pid in held else next(iter(held))), "label"
        if pid is not None and not _is_labelled(pid, "apparmor" if profile >= 0 else "selinux", key):
            return pid, "pid"
        if isinstance(detail, Anomaly):
            return None, ""
        owners = self._images.get(_key(detail.object), _NOBODY) if detail.object else _NOBODY
        if len(owners) == 1:
            return next(iter(owners)), "image"
        sharing = self._paths.get(detail.path, _NOBODY) if detail.path else _NOBODY
        return (next(iter(sharing)), "path") if len(sharing) == 1 else (None, "")


def _key(context: str) -> Key:
    """What of a SELinux context tells guests apart: the level, if it has categories of its own, else the type too."""
    parts = context.split(":", 3)
    if len(parts) < 4:
        return ("", context)
    level = parts[3]
    return level if ":c" in level and "-" not in level else (parts[2], level)


def _is_labelled(run: Run, model: str, key: Key) -> bool:
    """Whether a guest has a label of this model: what bears another one that only one guest can have is not its
    process, whatever its number."""
    alone = model == "apparmor" or isinstance(key, str)
    return alone and any(label.model == model for label in run.labels)


def _without(held: dict[_K, dict[Run, None]], key: _K, run: Run) -> None:
    runs = held.get(key)
    if runs is not None and run in runs:
        del runs[run]
        if not runs:
            del held[key]
