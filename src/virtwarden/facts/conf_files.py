"""libvirt's conf files as they are written, with the keys that the installed libvirt knows in each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.conf_keys import KEYS, LENSES
from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import Malformed, virconf
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_DIRECTORY = "/etc/libvirt"
_LENSES = "/usr/share/augeas/lenses"
_ENTRY = re.compile(r'_entry\s+"([A-Za-z][A-Za-z0-9_]*)"')


@dataclass(frozen=True, slots=True)
class ConfFile:
    """One file; `keys` are all that libvirt knows in it."""

    text: Text
    conf: virconf.Conf
    keys: frozenset[str]

    @property
    def name(self) -> str:
        """Its name without the directory."""
        return self.text.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ConfFiles:
    """The files, and what kept others from being read."""

    files: tuple[ConfFile, ...]
    unread: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(f"{_DIRECTORY}/{name}") for name in KEYS),
        *(reading(f"{_LENSES}/{name}") for name in LENSES.values()),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files and the lenses that came with the installed libvirt."""
        host.get(Libvirt)
        files: list[ConfFile] = []
        unread: list[Evidence] = []
        for name in KEYS:
            try:
                text = host.source.read(f"{_DIRECTORY}/{name}")
                files.append(ConfFile(text, virconf.parse(text.text), KEYS[name] | _installed(host.source, name)))
            except Absent:
                continue
            except Unknown as refused:
                unread.append(Evidence(str(refused), path=f"{_DIRECTORY}/{name}"))
            except Malformed as wrong:
                unread.append(text.cite(wrong.line or None, f"{wrong}; libvirt refuses the file"))
        return cls(tuple(files), tuple(unread))


def _installed(source: Source, name: str) -> frozenset[str]:
    """The keys that the installed libvirt ships a lens for; none where there is no such lens."""
    if name not in LENSES:
        return frozenset()
    try:
        return frozenset(_ENTRY.findall(source.read(f"{_LENSES}/{LENSES[name]}").text))
    except (Absent, Unknown):
        return frozenset()
