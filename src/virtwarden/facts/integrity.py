"""Whether a baseline of the host's files is kept to compare them with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking

_PROGRAMS = ("/usr/sbin/aide", "/usr/bin/aide", "/usr/sbin/tripwire", "/usr/bin/samhain", "/usr/sbin/samhain")
_BASELINES = (
    "/var/lib/aide/aide.db",
    "/var/lib/aide/aide.db.gz",
    "/var/lib/tripwire/*.twd",
    "/var/lib/samhain/samhain_file",
)


@dataclass(frozen=True, slots=True)
class Integrity:
    """A program that compares files with a baseline, and the baseline it has; None where there is none."""

    program: Stat | None
    baseline: Stat | None

    wants: ClassVar[tuple[Want, ...]] = tuple(looking(path) for path in (*_PROGRAMS, *_BASELINES))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look for both. Raises `Unknown` where it cannot be looked for."""
        return cls(_found(host.source, _PROGRAMS), _found(host.source, _BASELINES))


def _found(source: Source, patterns: tuple[str, ...]) -> Stat | None:
    refused: Unknown | None = None
    for pattern in patterns:
        try:
            for path in source.glob(pattern):
                return source.stat(path)
        except Absent:
            continue
        except Unknown as unknown:
            refused = unknown
    if refused is not None:
        raise refused
    return None
