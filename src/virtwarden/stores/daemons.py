"""What all service managers have in common: the names that daemons go by, and the time that they take to settle.

Daemons go by other names on other distributions; the one that is installed is meant.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

SETTLING = 1.0
"""For how many seconds a daemon has to stay up to count as up."""
_NAMES = {
    "sshd": ("sshd", "ssh"),
    "ssh": ("ssh", "sshd"),
    "libvirtd": ("libvirtd", "libvirt-bin"),
    "chronyd": ("chronyd", "chrony"),
    "nfs-server": ("nfs-server", "nfs-kernel-server", "nfs"),
    "apparmor": ("apparmor", "boot.apparmor"),
}
TYPES = (".service", ".socket", ".timer", ".path", ".target", ".mount", ".automount", ".swap", ".slice", ".scope")
"""The types of units, as their names end."""
_PAUSE = 0.1


def names_of(name: str) -> tuple[str, ...]:
    """The names that a daemon goes by, with the type of unit that was asked for."""
    kind = next((kind for kind in TYPES if name.endswith(kind)), "")
    stem = name.removesuffix(kind)
    return tuple(each + kind for each in _NAMES.get(stem, (stem,)))


_State = TypeVar("_State")


def at_rest(
    ask: Callable[[], _State], moves: Callable[[_State], bool], settling: float, patience: float
) -> _State:
    """What is seen when it has settled, or patience, both in seconds, is at its end."""
    begun = time.monotonic()
    while True:
        now = ask()
        if time.monotonic() - begun >= (patience if moves(now) else settling):
            return now
        time.sleep(_PAUSE)
