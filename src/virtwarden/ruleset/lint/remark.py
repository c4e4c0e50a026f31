"""What the linter says, and what it may know of the host around a file."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from virtwarden.formats.auditrules import Rules


class Weight(StrEnum):
    """How much a remark weighs: `error`, the line is not loaded or never matches; `warning`, it records other than it
    seems to, or far too much; `note`, it could be better."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is said of a line; `of` is what it speaks of. `drops` where the line should go."""

    id: str
    weight: Weight
    why: str
    of: tuple[str, ...] = ()
    drops: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A line with what is said of it. `instead` are the lines that should stand there, none where it should go; None
    where that cannot be told."""

    path: str
    number: int
    text: str
    remarks: tuple[Remark, ...]
    instead: tuple[str, ...] | None

    @property
    def weight(self) -> Weight:
        """The weight of the weightiest remark."""
        return min((remark.weight for remark in self.remarks), key=list(Weight).index)


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the host that the rules are for; nothing unless told.

    `lsm` selinux, apparmor or none; `types` those that its policy is known to have; `missing` directories that are not
    there; `directories` watched paths that are directories; `arches` the kinds of system calls that its kernel takes;
    `modular` whether libvirt has a daemon a driver; `emulators` those that are here; `before_rules_d` whether it is of
    the time when /var/run outlived a boot.
    """

    lsm: str | None = None
    types: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()
    directories: frozenset[str] | None = None
    arches: tuple[str, ...] = ("b64", "b32")
    modular: bool | None = None
    emulators: tuple[str, ...] = ()
    before_rules_d: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A rules file and what stands in it."""

    path: str
    rules: Rules
