"""libvirt's secrets: what they are for and how their values are kept. The values themselves are not asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import Malformed, xmltext
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking, reading

_DIRECTORY = "/etc/libvirt/secrets"
_PLAIN, _SEALED = ".base64", ".aes256cbc"


@dataclass(frozen=True, slots=True)
class Secret:
    """One secret. `usage` is what it is for: volume, ceph, iscsi, tls, vtpm, empty where its definition could not
    be read. `plain` and `sealed` are the files that keep its value, in base64 or encrypted."""

    uuid: str
    usage: str
    plain: Stat | None
    sealed: Stat | None


@dataclass(frozen=True, slots=True)
class Secrets:
    """All secrets that are kept on disk, by uuid, and the directory they are in."""

    secrets: tuple[Secret, ...]
    directory: str = _DIRECTORY

    wants: ClassVar[tuple[Want, ...]] = (
        reading(f"{_DIRECTORY}/*.xml"),
        looking(f"{_DIRECTORY}/*{_PLAIN}"),
        looking(f"{_DIRECTORY}/*{_SEALED}"),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """List the directory and read the definitions. Raises `Unknown` where it cannot be listed."""
        host.get(Libvirt)
        source = host.source
        plain = _by_uuid(source, _PLAIN)
        sealed = _by_uuid(source, _SEALED)
        usages = {
            path.rpartition("/")[2][:-4]: _usage(source, path) for path in source.glob(f"{_DIRECTORY}/*.xml")
        }
        uuids = sorted({*plain, *sealed, *usages})
        return cls(tuple(Secret(u, usages.get(u, ""), plain.get(u), sealed.get(u)) for u in uuids))


def _by_uuid(source: Source, ending: str) -> dict[str, Stat]:
    found: dict[str, Stat] = {}
    for path in source.glob(f"{_DIRECTORY}/*{ending}"):
        try:
            found[path.rpartition("/")[2].removesuffix(ending)] = source.stat(path)
        except Absent:
            continue
    return found


def _usage(source: Source, path: str) -> str:
    try:
        usage = xmltext.parse(source.read(path).text).find("usage")
    except (Absent, Unknown, Malformed):
        return ""
    return "" if usage is None else usage.get("type") or ""
