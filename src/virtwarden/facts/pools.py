"""libvirt's storage pools: where they are, and the volumes that guests name instead of paths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import Malformed, xmltext
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_PATTERNS = ("/etc/libvirt/storage/*.xml", "/run/libvirt/storage/*.xml")
_DIRECTORIES = ("dir", "fs", "netfs", "vstorage")


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool. `target` is the directory of its volumes; `mode` the permissions that libvirt makes it with."""

    name: str
    kind: str
    target: str
    mode: int | None
    text: Text
    line: int

    @property
    def is_directory(self) -> bool:
        """Whether its volumes are files in its target."""
        return self.kind in _DIRECTORIES

    def volume(self, name: str) -> str:
        """The path of a volume."""
        return f"{self.target.rstrip('/')}/{name}"

    def cite(self, text: str | None = None) -> Evidence:
        """The line of its permissions, or words about it."""
        return self.text.cite(self.line, text)


@dataclass(frozen=True, slots=True)
class Pools:
    """The pools by name, and the definitions that could not be read."""

    pools: dict[str, Pool]
    unread: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(pattern) for pattern in _PATTERNS)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the definitions, those of running pools where they can be had."""
        host.get(Libvirt)
        pools: dict[str, Pool] = {}
        unread: list[Evidence] = []
        for path in _paths(host.source):
            try:
                text = host.source.read(path)
                pool = _pool(text)
            except Absent:
                continue
            except Unknown as refused:
                unread.append(Evidence(str(refused), path=path))
                continue
            except Malformed as wrong:
                unread.append(Evidence(str(wrong), path=path, line=wrong.line or None))
                continue
            if pool is not None:
                pools.setdefault(pool.name, pool)
        return cls(pools, tuple(unread))


def _paths(source: Source) -> list[str]:
    defined = source.glob(_PATTERNS[0])
    try:
        return [*defined, *source.glob(_PATTERNS[1])]
    except Unknown:
        return defined  # what runs is defined too, but for pools that last until the next boot


def _pool(text: Text) -> Pool | None:
    root = xmltext.parse(text.text)
    found = root if root.tag == "pool" else root.find("pool")
    if found is None:
        return None
    mode = found.find("target/permissions/mode")
    line = xmltext.line_of(found if mode is None else mode)
    target = (found.findtext("target/path") or "").strip()
    return Pool(
        (found.findtext("name") or "").strip(),
        found.get("type") or "",
        target if found.get("type") != "logical" or target else f"/dev/{found.findtext('source/name')}",
        _octal(None if mode is None else mode.text),
        text,
        line,
    )


def _octal(text: str | None) -> int | None:
    try:
        return None if text is None else int(text, 8)
    except ValueError:
        return None
