"""/etc/libvirt/virtlogd.conf: how much of what guests say on their consoles is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.conffile import ConfText, read_conf, typed
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host, Want, reading
from virtwarden.model import Evidence

PATH = "/etc/libvirt/virtlogd.conf"


@dataclass(frozen=True, slots=True)
class VirtlogdConf:
    """Its settings with libvirt's own defaults; sizes in bytes, a `max_size` of 0 is none."""

    file: ConfText = ConfText(PATH)

    max_size: int = 2 << 20
    max_backups: int = 3

    wants: ClassVar[tuple[Want, ...]] = (reading(PATH),)

    def cite(self, key: str) -> Evidence:
        """The line that sets `key`, or that nothing does."""
        return self.file.cite(key)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read it; without the file the defaults hold."""
        host.get(Libvirt)
        return typed(cls, read_conf(host.source, PATH))
