"""/etc/libvirt/libvirt.conf: where this host's own libvirt clients go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.conffile import ConfText, read_conf, typed
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host, Want, reading
from virtwarden.model import Evidence

PATH = "/etc/libvirt/libvirt.conf"


@dataclass(frozen=True, slots=True)
class ClientConf:
    """The addresses that stand in it: the usual one, and those with a short name (`kvm7=qemu+tls://…`)."""

    file: ConfText = ConfText(PATH)

    uri_default: str | None = None
    uri_aliases: tuple[str, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (reading(PATH),)

    def cite(self, key: str) -> Evidence:
        """The line that sets `key`, or that nothing does."""
        return self.file.cite(key)

    @property
    def addresses(self) -> tuple[tuple[str, str], ...]:
        """Each address with the key that it stands under."""
        named = (("uri_aliases", alias.partition("=")[2]) for alias in self.uri_aliases)
        usual = () if self.uri_default is None else (("uri_default", self.uri_default),)
        return (*usual, *named)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read it; without such a file clients go nowhere but to this host."""
        host.get(Libvirt)
        return typed(cls, read_conf(host.source, PATH))
