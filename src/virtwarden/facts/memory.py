"""Whether the kernel merges equal pages of different guests, and what makes it do so at boot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.values import value_at
from virtwarden.formats import Malformed, keyvalue
from virtwarden.host import Absent, Host, Source, Unknown, Want, reading

_RUN = "/sys/kernel/mm/ksm/run"
_QEMU = "/etc/default/qemu-kvm"
_WRITES = ("w", "w+", "w!", "w+!", "w-", "w!-")
# In the order in which systemd-tmpfiles lets a name in one directory mask the same name in the next.
_DIRECTORIES = ("/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/local/lib/tmpfiles.d", "/usr/lib/tmpfiles.d")


@dataclass(frozen=True, slots=True)
class PageMerging:
    """`run` as the kernel spells it: 0 stopped, 1 merging, 2 stopped with all pages parted again."""

    run: Value

    wants: ClassVar[tuple[Want, ...]] = (reading(_RUN),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the kernel; `Absent` where it cannot merge pages."""
        return cls(value_at(host.source, _RUN, ("0", "1", "2")))


@dataclass(frozen=True, slots=True)
class PageMergingAtBoot:
    """`written` is what systemd-tmpfiles writes to the kernel's switch at boot, None where it writes nothing."""

    written: Value | None

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(f"{place}/*.conf") for place in _DIRECTORIES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files in their order, by name; the last line holds. Raises `Unknown` where one is refused."""
        written: Value | None = None
        for _, path in sorted(_files(host.source).items()):
            try:
                text = host.source.read(path)
            except Absent:
                continue  # gone since it was listed, or a link that leads nowhere
            for number, line in enumerate(text.lines, 1):
                words = line.split()
                if len(words) > 6 and words[0] in _WRITES and words[1] == _RUN:
                    written = Value(words[6], text.cite(number))
        return cls(written)


@dataclass(frozen=True, slots=True)
class PageMergingByQemu:
    """What Ubuntu's qemu-kvm.service is told of it: 0, 1, or AUTO, which is 1 on real hardware. None where it is
    told nothing."""

    told: Value | None

    wants: ClassVar[tuple[Want, ...]] = (reading(_QEMU),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the service's file of variables, of which the last of a name holds."""
        try:
            text = host.source.read(_QEMU)
            found = [pair for pair in keyvalue.assignments(text.text) if pair.key == "KSM_ENABLED"]
        except Absent:
            return cls(None)
        except Malformed as wrong:
            raise Unknown(f"{_QEMU}: {wrong}") from None
        return cls(Value(found[-1].value, text.cite(found[-1].line)) if found else None)


def _files(source: Source) -> dict[str, str]:
    found: dict[str, str] = {}
    for place in _DIRECTORIES:
        for path in source.glob(f"{place}/*.conf"):
            found.setdefault(path.rpartition("/")[2], path)
    return found
