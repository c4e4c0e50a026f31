"""What firewalld holds besides its files: settings that were made while it ran, and that a reload would lose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Source, Unknown, Want, running

_NOW = ("firewall-cmd", "--list-all-zones")
_KEPT = ("firewall-cmd", "--permanent", "--list-all-zones")
_OF_DEVICES = ("interfaces", "ingress-priority", "egress-priority", "icmp-block-inversion")


@dataclass(frozen=True, slots=True)
class FirewalldRuntime:
    """The settings that a reload would lose, as `zone public: services cockpit`; none where firewalld does not run."""

    unkept: tuple[str, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (running(*_NOW), running(*_KEPT))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Hold what firewalld says of now against what it says of its files. Raises `Unknown`."""
        now, kept = _settings(host.source, _NOW), _settings(host.source, _KEPT)
        if now is None or kept is None:
            return cls()
        return cls(tuple(f"zone {zone}: {key} {word}" for zone, key, word in now if (zone, key, word) not in kept))


def _settings(source: Source, argv: tuple[str, ...]) -> list[tuple[str, str, str]] | None:
    """Zone, key and one word or rule each; None where firewalld does not run."""
    try:
        output = source.run(*argv)
    except (Absent, Unknown):
        return None
    return list(_parsed(output.stdout)) if output.code == 0 else None


def _parsed(text: str) -> Iterator[tuple[str, str, str]]:
    zone = key = ""
    for line in text.splitlines():
        if line and not line[0].isspace():
            zone = line.split(" ")[0]
        elif line.startswith("\t"):
            yield zone, key, line.strip()
        elif ":" in line:
            key, _, value = line.strip().partition(":")
            words = value.split() if key not in ("target",) else [value.strip()]
            yield from ((zone, key, word) for word in words if key not in _OF_DEVICES)
