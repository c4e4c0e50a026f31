"""firewalld's zone for the bridges of libvirt's networks: what guests there may ask of the host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.formats import Malformed, xmltext
from virtwarden.formats.xmltext import line_of
from virtwarden.host import Absent, Host, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_FILES = ("/etc/firewalld/zones/libvirt.xml", "/usr/lib/firewalld/zones/libvirt.xml")


@dataclass(frozen=True, slots=True)
class LibvirtZone:
    """The zone `libvirt` from the file that counts; `services` it lets in, with their lines."""

    text: Text
    services: Mapping[str, Evidence] = field(default_factory=dict)

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(path) for path in _FILES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the site's file, else the package's. Raises `Absent` where there is no such zone."""
        for path in _FILES:
            try:
                text = host.source.read(path)
            except Absent:
                continue
            try:
                root = xmltext.parse(text.text)
            except Malformed as wrong:
                raise Unknown(f"{path}: {wrong}", text.cite(wrong.line or None)) from None
            services = {e.get("name") or "": text.cite(line_of(e)) for e in root.iterfind("service")}
            return cls(text, services)
        raise Absent("firewalld has no zone for libvirt's networks")
