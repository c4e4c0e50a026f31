"""Device nodes after a change of udev's rules: the nodes that the rules name are looked at again, and no other.

A trigger for every device would bring back what an administrator has changed by hand elsewhere.
"""

from __future__ import annotations

import re
from glob import glob

from virtwarden.model import Document
from virtwarden.stores.activators import Activator, System, installed, repeatedly

_OWN_RULES = "/etc/udev/rules.d/*virt-warden*.rules"
_KERNEL = re.compile(r'(?<![A-Z])KERNEL=="([A-Za-z0-9_.-]+)"')
_SECONDS = 30


def udev(system: System) -> Activator:
    """Have udev read its rules, and give the nodes that our own name what they say."""

    def why_not() -> str:
        if not installed("udevadm"):
            return "udev is not installed"
        return "" if system.exists("/run/udev/control") else "udev does not run"

    def touches() -> tuple[Document, ...]:
        nodes = (f"/dev/{name}" for name in named(system))
        return tuple(Document("file", node) for node in nodes if system.exists(node))

    def read() -> None:
        system.programs.must(("udevadm", "control", "--reload"))

    def do() -> str:
        read()
        for name in named(system):
            system.programs.must(("udevadm", "trigger", "--action=change", f"--sysname-match={name}"))
        system.programs.must(("udevadm", "settle", f"--timeout={_SECONDS}"))
        return ""

    return Activator(do=do, why_not=why_not, touches=touches, again=repeatedly(read))


def named(system: System) -> list[str]:
    """The devices that our own rules name, one by one; patterns name none."""
    found: dict[str, None] = {}
    for path in sorted(glob(system.path(_OWN_RULES))):
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            found |= dict.fromkeys(_KERNEL.findall(file.read()))
    return list(found)
