"""/etc/crypttab: which encrypted volumes are opened at boot, and with which keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.formats import Malformed, columns
from virtwarden.formats.columns import Crypt
from virtwarden.host import Host, Text, Unknown, Want, looking, reading
from virtwarden.model import Evidence

PATH = "/etc/crypttab"
_KEYS = "/etc/cryptsetup-keys.d"


@dataclass(frozen=True, slots=True)
class Crypttab:
    """The rows by the mapping's name. `keys` are key files that systemd finds by that name where a row names none;
    None where they could not be listed."""

    text: Text
    rows: dict[str, Crypt] = field(default_factory=dict)
    keys: frozenset[str] | None = frozenset()

    wants: ClassVar[tuple[Want, ...]] = (reading(PATH), looking(f"{_KEYS}/*.key"))

    def cite(self, row: Crypt) -> Evidence:
        """The line of a row."""
        return self.text.cite(row.line)

    def key_of(self, row: Crypt) -> str | None:
        """The key file that opens a row's volume; None where a person or a token is asked. Raises `Unknown`."""
        if row.key is not None:
            return row.key
        if self.keys is None:
            raise Unknown(f"whether {_KEYS} has a key for {row.name}", self.cite(row))
        found = f"{_KEYS}/{row.name}.key"
        return found if found in self.keys else None

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read it. Raises `Absent` where there is none, `Unknown` where it makes no sense."""
        text = host.source.read(PATH)
        try:
            rows = columns.crypttab(text.text)
        except Malformed as wrong:
            raise Unknown(f"{PATH}: {wrong}", text.cite(wrong.line or None)) from None
        try:
            keys: frozenset[str] | None = frozenset(host.source.glob(f"{_KEYS}/*.key"))
        except Unknown:
            keys = None
        return cls(text, {row.name: row for row in rows}, keys)
