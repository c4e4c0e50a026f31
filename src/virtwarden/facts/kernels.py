"""Which kernel runs, and which are installed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.values import value_at
from virtwarden.host import Host, Want, looking, reading
from virtwarden.model import Evidence

_RUNNING = "/proc/sys/kernel/osrelease"
_IMAGES = (
    "/boot/vmlinuz-*",
    "/boot/vmlinux-*",
    "/boot/Image-*",
    "/usr/lib/modules/*/vmlinuz",
    "/lib/modules/*/vmlinuz",
)
_FLAVOUR = re.compile(r"[-+][a-z][a-z0-9]*(?:[-+][a-z0-9]+)*$")
_NOT_FOR_STARTING = re.compile(r"rescue|kdump|\.old$|\.bak$|fallback")


@dataclass(frozen=True, slots=True)
class Kernels:
    """The release that runs and, by release, where each installed one lies."""

    running: Value
    installed: dict[str, Evidence]

    wants: ClassVar[tuple[Want, ...]] = (reading(_RUNNING), *(looking(pattern) for pattern in _IMAGES))

    @property
    def newest(self) -> str | None:
        """The newest installed release of the running one's flavour; None where none of it was found."""
        flavour = _flavour(self.running.value)
        alike = [release for release in self.installed if _flavour(release) == flavour]
        return max(alike, key=order, default=None)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel for its release and look for the images. Raises `Unknown`."""
        running = value_at(host.source, _RUNNING)
        installed: dict[str, Evidence] = {}
        for pattern in _IMAGES:
            for path in host.source.glob(pattern):
                release = path.split("/")[-2] if path.endswith("/vmlinuz") else path.partition("-")[2]
                if not _NOT_FOR_STARTING.search(release):
                    installed.setdefault(release, Evidence("an installed kernel", path=path))
        return cls(running, installed)


def _flavour(release: str) -> str:
    found = _FLAVOUR.search(release)
    return found.group() if found is not None else ""


def order(release: str) -> tuple[tuple[int, int, str], ...]:
    """What makes releases of one flavour compare by age: numbers as numbers, and above words."""
    parts = re.findall(r"[0-9]{1,20}|[a-z]+", release)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)
