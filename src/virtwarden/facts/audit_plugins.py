"""The programs that auditd passes its records on to, and whether records leave the host by one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.formats import keyvalue
from virtwarden.host import Host, Text, Want, reading
from virtwarden.model import Evidence

_PATTERNS = ("/etc/audit/plugins.d/*.conf", "/etc/audisp/plugins.d/*.conf")
_OUTWARDS = ("au-remote", "audisp-remote", "syslog")


@dataclass(frozen=True, slots=True)
class AuditPlugins:
    """The plugins' settings by name."""

    texts: Mapping[str, Text]

    wants: ClassVar[tuple[Want, ...]] = tuple(map(reading, _PATTERNS))

    @property
    def outwards(self) -> Evidence | None:
        """The line that turns a plugin on that hands records to another host, or to a system log that may; None where
        there is none."""
        for name in _OUTWARDS:
            text = self.texts.get(name)
            active = None if text is None else keyvalue.last(keyvalue.settings(text.text), "active")
            if text is not None and active is not None and active.value.lower() == "yes":
                return text.cite(active.line)
        return None

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read their settings. Raises `Unknown`."""
        source = host.source
        paths = [path for pattern in _PATTERNS for path in source.glob(pattern)]
        return cls({path.rpartition("/")[2].removesuffix(".conf"): source.read(path) for path in paths})
