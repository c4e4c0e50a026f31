"""The directories that this host offers to others over NFS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.formats import exports
from virtwarden.formats.exports import Export
from virtwarden.host import Absent, Host, Text, Want, reading
from virtwarden.model import Evidence

_FILES = ("/etc/exports", "/etc/exports.d/*.exports")


@dataclass(frozen=True, slots=True)
class Exports:
    """Each export with the file it stands in."""

    exports: tuple[tuple[Text, Export], ...]
    looked_at: tuple[Evidence, ...]

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(path) for path in _FILES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files. Raises `Absent` where there is none, `Unknown` where one is refused."""
        texts: list[Text] = []
        for pattern in _FILES:
            for path in host.source.glob(pattern):
                try:
                    texts.append(host.source.read(path))
                except Absent:
                    continue  # gone since it was listed, or a link that leads nowhere
        if not texts:
            raise Absent("the host exports nothing over NFS")
        found = ((text, export) for text in texts for export in exports.parse(text.text))
        return cls(tuple(found), tuple(text.cite(text="no directory is exported") for text in texts))
