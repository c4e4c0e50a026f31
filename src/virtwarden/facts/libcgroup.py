"""What libcgroup's files define, and whether systemd runs the host, in whose tree they then define it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.formats import Malformed, cgconfig
from virtwarden.host import Absent, Host, Source, Unknown, Want, first_present, looking, reading
from virtwarden.model import Evidence

CGROUPS_CONF = "/etc/cgroups.conf"
"""A name that the blueprint gives, and that nothing reads."""
_CONFIG = "/etc/cgconfig.conf"
_CONFIG_PARTS = "/etc/cgconfig.d/*.conf"
_RULES = "/etc/cgrules.conf"
_BOOTED = "/run/systemd/system"
_INSTALLED = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")


@dataclass(frozen=True, slots=True)
class Definitions:
    """A file, how many groups, mounts and rules it has, and the first of them."""

    path: str
    count: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class LibcgroupFiles:
    """`systemd` is the sign that systemd runs the host, None where it does not; `definitions` what the files
    have; `refused` why some could not be read, by path."""

    systemd: Evidence | None
    definitions: tuple[Definitions, ...] = ()
    refused: Mapping[str, Unknown] = field(default_factory=dict)

    wants: ClassVar[tuple[Want, ...]] = (
        *(looking(path) for path in (_BOOTED, *_INSTALLED)),
        *(reading(path) for path in (_CONFIG, _CONFIG_PARTS, _RULES, CGROUPS_CONF)),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Raises `Unknown` where it cannot be told whether systemd runs the host."""
        found: list[Definitions] = []
        refused: dict[str, Unknown] = {}
        try:
            parts = host.source.glob(_CONFIG_PARTS)
        except Unknown as refusal:
            parts, refused[_CONFIG_PARTS] = [], refusal
        for path in (_CONFIG, *parts, _RULES, CGROUPS_CONF):
            try:
                found.append(_read(host.source, path))
            except Absent:
                continue
            except Unknown as refusal:
                refused[path] = refusal
        return cls(_systemd(host.source), tuple(found), refused)


def _systemd(source: Source) -> Evidence | None:
    """What systemd itself goes by, or that an image has it."""
    try:
        return source.stat(_BOOTED).cite("systemd runs this host")
    except Absent:
        return None
    except Unknown:
        try:
            return first_present(source, *_INSTALLED).cite("systemd is installed")
        except Absent:
            return None


def _read(source: Source, path: str) -> Definitions:
    text = source.read(path)
    if path == CGROUPS_CONF:
        return Definitions(path, 0, text.cite(1))
    try:
        found = cgconfig.rules(text.text) if path == _RULES else cgconfig.parse(text.text)
    except Malformed as wrong:
        raise Unknown(f"{path}: {wrong}", text.cite(wrong.line or None)) from None
    lines = [each.line for each in found]
    return Definitions(path, len(lines), text.cite(lines[0]) if lines else text.cite(text="nothing is defined"))
