"""All guests of the host, running or not.

Read from libvirt's own files where they can be read, so that it works on recordings and mounted images too;
from libvirt itself for a user who may ask it but may not read its files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.libvirt import Libvirt
from virtwarden.formats import Malformed, xmltext
from virtwarden.formats.digits import whole
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, looking, reading
from virtwarden.model import Evidence, State

_CONFIGURED = "/etc/libvirt/qemu/*.xml"
_AUTOSTART = "/etc/libvirt/qemu/autostart/*.xml"
_RUNNING = ("/run/libvirt/qemu/*.xml", "/var/run/libvirt/qemu/*.xml")
_VIRSH = ("virsh", "--connect", "qemu:///system", "--readonly")
_CHUNK = 50
_LONGEST_NAME = 2**14
_UUID = re.compile(r"^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class Guests:
    """The guests by name. Iterating ends in `Unknown` where some definition could not be read, so that no
    judgement over all guests can leave one out unnoticed.

    `liveness` says why it is not known which guests run; None where it is.
    """

    guests: tuple[Guest, ...] = ()
    unread: tuple[Evidence, ...] = ()
    liveness: str | None = None

    wants: ClassVar[tuple[Want, ...]] = (
        reading(_CONFIGURED),
        looking(_AUTOSTART),
        *(reading(pattern) for pattern in _RUNNING),
    )

    def __iter__(self) -> Iterator[Guest]:
        yield from self.guests
        self.complete()

    def complete(self) -> None:
        """Raises `Unknown` where some definition could not be read."""
        if self.unread:
            first = self.unread[0]
            more = f" and {len(self.unread) - 1} more" if len(self.unread) > 1 else ""
            raise Unknown(f"guest definition {first.where}{more}: {first.text}", *self.unread)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Files first; libvirt where the files are refused."""
        host.get(Libvirt)
        try:
            return cls._from_files(host.source)
        except Unknown as refused:
            try:
                return cls._from_libvirt(host.source)
            except (Absent, Unknown):
                raise refused from None

    @classmethod
    def _from_files(cls, source: Source) -> Self:
        gathered = _Gathered()
        for path in source.glob(_CONFIGURED):
            gathered.add_file(source, path, State.ON_DISK)
        liveness = None
        try:
            running_paths = {path for pattern in _RUNNING for path in source.glob(pattern)}
            for path in _distinct(sorted(running_paths)):
                gathered.add_file(source, path, State.IN_FORCE)
        except Unknown as refused:
            liveness = str(refused)
        starting = {path.rpartition("/")[2].removesuffix(".xml") for path in _glob_or_nothing(source, _AUTOSTART)}
        return cls(gathered.guests(starting), tuple(gathered.unread), liveness)

    @classmethod
    def _from_libvirt(cls, source: Source) -> Self:
        gathered = _Gathered()
        everything = _uuids(source, "--all")
        for state, uuids, flag in (
            (State.ON_DISK, everything, " --inactive"),
            (State.IN_FORCE, _uuids(source), ""),
        ):
            for start in range(0, len(uuids), _CHUNK):
                script = "; ".join(f"dumpxml{flag} {uuid}" for uuid in uuids[start : start + _CHUNK])
                gathered.add_dump(source, (*_VIRSH, script), state)
        return cls(gathered.guests(set()), tuple(gathered.unread))


class _Gathered:
    """Definitions on their way to becoming guests."""

    def __init__(self) -> None:
        self._by_name: dict[str, Guest] = {}
        self.unread: list[Evidence] = []

    def add_file(self, source: Source, path: str, state: State) -> None:
        try:
            text = source.read(path)
        except Absent:
            return  # the guest was undefined or stopped between the listing and the reading
        except Unknown as refused:
            self.unread.append(Evidence(text=str(refused), path=path))
            return
        try:
            root = xmltext.parse(text.text)
        except Malformed as wrong:
            self.unread.append(text.cite(wrong.line or None, str(wrong)))
            return
        self._add(root, state, text)

    def add_dump(self, source: Source, argv: tuple[str, ...], state: State) -> None:
        output = source.run(*argv)
        if output.code != 0:
            self.unread.append(output.cite())
        for piece in re.findall(r"<domain\b.*?</domain>", output.stdout, re.DOTALL):
            text = Text(" ".join(argv[:4]) + " dumpxml", piece, output.at)
            try:
                self._add(xmltext.parse(piece), state, text)
            except Malformed as wrong:
                self.unread.append(output.cite(str(wrong)))

    def _add(self, root: xmltext.Element, state: State, text: Text) -> None:
        pid = None
        if root.tag == "domstatus":
            pid = whole(root.get("pid") or "") or None
            inner = root.find("domain")
        else:
            inner = root
        if inner is None or inner.tag != "domain":
            self.unread.append(text.cite(1, f"a <{root.tag}> where a <domain> should be"))
            return
        definition = Definition(inner, state, text)
        if not definition.name or len(definition.name) > _LONGEST_NAME:
            length = len(definition.name)
            self.unread.append(
                text.cite(1, f"a name of {length} characters" if length else "a domain without a name")
            )
            return
        guest = self._by_name.get(definition.name) or Guest(definition.name, definition.uuid)
        if state is State.ON_DISK:
            guest = replace(guest, on_disk=definition)
        else:
            guest = replace(guest, in_force=definition, pid=pid)
        self._by_name[guest.name] = guest

    def guests(self, starting: set[str]) -> tuple[Guest, ...]:
        found = sorted(self._by_name.values(), key=lambda guest: guest.name)
        return tuple(replace(guest, autostart=True) if guest.name in starting else guest for guest in found)


def _distinct(paths: list[str]) -> list[str]:
    """/var/run is /run nearly everywhere: each file once."""
    return list({path.removeprefix("/var"): path for path in reversed(paths)}.values())


def _glob_or_nothing(source: Source, pattern: str) -> list[str]:
    try:
        return source.glob(pattern)
    except Unknown:
        return []


def _uuids(source: Source, *options: str) -> list[str]:
    output = source.run(*_VIRSH, "list", "--uuid", *options)
    if output.code != 0:
        raise Unknown(f"libvirt does not list its guests: {output.cite().text}", output.cite())
    return [line.strip() for line in output.stdout.splitlines() if _UUID.match(line.strip())]
