"""What protects the start of the host: Secure Boot, the kernel's lockdown, a password on the boot loader."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.values import value_at
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, heading, looking, reading, running
from virtwarden.model import Evidence

_EFI = "/sys/firmware/efi"
_DMI = "/sys/firmware/dmi"
_VARIABLE = f"{_EFI}/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_LOCKDOWN = "/sys/kernel/security/lockdown"

_GRUB_FILES = (
    "/boot/grub2/grub.cfg",
    "/boot/grub/grub.cfg",
    "/boot/efi/EFI/*/grub.cfg",
    "/boot/grub2/user.cfg",
    "/boot/grub/user.cfg",
    "/boot/efi/EFI/*/user.cfg",
    "/boot/grub/menu.lst",
    "/boot/grub/grub.conf",
)
_SYSTEMD_BOOT = ("/boot/loader/loader.conf", "/boot/efi/loader/loader.conf", "/efi/loader/loader.conf")
_IF_USER = re.compile(r"^\s*if\b.*GRUB2_PASSWORD")
_END = re.compile(r"^\s*fi\b")
_SUPERUSERS = re.compile(r"^\s*set\s+superusers=[\"']?\w")
_PASSWORD = re.compile(r"^\s*password(?:_pbkdf2)?\s+\S")
_SOURCES = "/etc/grub.d/*"
_USER_PASSWORD = re.compile(r"^\s*GRUB2_PASSWORD=\S")


@dataclass(frozen=True, slots=True)
class SecureBoot:
    """Whether the firmware starts signed code only; `uefi` is False on a host with a BIOS."""

    on: bool
    uefi: bool
    evidence: Evidence

    wants: ClassVar[tuple[Want, ...]] = (
        looking(_EFI),
        looking(_DMI),
        heading(_VARIABLE, 5),
        running("mokutil", "--sb-state"),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask the firmware's variable, else mokutil. Raises `Absent` where the firmware knows no such thing."""
        source = host.source
        try:
            source.stat(_EFI)
        except Absent:
            _expect_bios(source)
            return cls(on=False, uefi=False, evidence=Evidence("there is no such directory: BIOS", path=_EFI))
        except Unknown as refused:
            return cls._by_mokutil(source, refused)
        try:
            head = source.head(_VARIABLE, 5)
        except Absent:
            return cls(on=False, uefi=True, evidence=Evidence("there is no such variable", path=_VARIABLE))
        except Unknown as refused:
            return cls._by_mokutil(source, refused)
        if len(head.data) != 5:
            raise Unknown("the SecureBoot variable is not five bytes long", head.cite(f"{len(head.data)} bytes"))
        return cls(on=head.data[4] == 1, uefi=True, evidence=head.cite(f"byte 5 is {head.data[4]}"))

    @classmethod
    def _by_mokutil(cls, source: Source, refused: Unknown) -> Self:
        try:
            said = source.run("mokutil", "--sb-state")
        except Absent:
            raise refused from None
        found = re.search(r"SecureBoot (enabled|disabled)", said.stdout)
        if found is None:
            raise Unknown(f"mokutil does not tell whether Secure Boot is on: {said.cite().text}", said.cite())
        return cls(on=found.group(1) == "enabled", uefi=True, evidence=said.cite())


def _expect_bios(source: Source) -> None:
    """An architecture without tables of a BIOS knows neither firmware, and old kernels do not tell."""
    try:
        source.stat(_DMI)
    except Absent:
        raise Absent("the host's firmware is neither UEFI nor a BIOS, or its kernel too old to tell") from None


@dataclass(frozen=True, slots=True)
class Lockdown:
    """The kernel's lockdown: none, integrity or confidentiality."""

    mode: str
    evidence: Evidence

    wants: ClassVar[tuple[Want, ...]] = (reading(_LOCKDOWN),)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read which word stands in brackets. Raises `Absent` where the kernel has no lockdown."""
        value = value_at(host.source, _LOCKDOWN)
        found = re.search(r"\[(\w+)\]", value.value)
        if found is None:
            raise Unknown(f"{_LOCKDOWN} names no mode", value.evidence)
        return cls(found.group(1), value.evidence)


@dataclass(frozen=True, slots=True)
class BootLoader:
    """`lock` is what keeps a stranger at the keyboard from editing the boot line, None where nothing does;
    `files` are those of the boot loader that were read, `hashes` the lines with the hash of a password, those
    in the files that GRUB's are made of too."""

    kind: str
    lock: Value | None
    files: tuple[Text, ...]
    hashes: tuple[Evidence, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(pattern) for pattern in (*_GRUB_FILES, _SOURCES)),
        *(looking(pattern) for pattern in (*_GRUB_FILES, _SOURCES)),
        *(reading(path) for path in _SYSTEMD_BOOT),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read GRUB's files, else systemd-boot's. Raises `Unknown` where one is refused and no lock was seen."""
        texts, refused = _texts(host.source, _GRUB_FILES)
        lock = next((value for text in texts for value in _locks(text)), None)
        if lock is None and refused is not None:
            raise Unknown(f"whether the boot loader is locked: {refused}", *refused.evidence)
        if texts:
            sources, _ = _texts(host.source, (_SOURCES,))
            hashes = tuple(found for text in (*texts, *sources) for found in _hashes(text))
            return cls("GRUB", lock, tuple(texts), hashes)
        texts, refused = _texts(host.source, _SYSTEMD_BOOT)
        if texts:
            return cls("systemd-boot", _no_editor(texts[0]), tuple(texts))
        raise refused or Unknown("the configuration of no boot loader was found")


def _texts(source: Source, patterns: tuple[str, ...]) -> tuple[list[Text], Unknown | None]:
    texts: list[Text] = []
    refused: Unknown | None = None
    for pattern in patterns:
        try:
            texts.extend(source.read(path) for path in source.glob(pattern))
        except Absent:
            continue
        except Unknown as unknown:
            refused = unknown
    return texts, refused


def _locks(text: Text) -> Iterator[Value]:
    """Lines that set a password. Those that wait for one from user.cfg set none themselves, and in GRUB 2 one
    locks nothing where nobody is named as a superuser."""
    waits = False
    named = not text.path.endswith("/grub.cfg")
    for number, line in enumerate(text.lines, 1):
        if _IF_USER.match(line):
            waits = True
        elif _END.match(line):
            waits = False
        elif _SUPERUSERS.match(line) and not waits:
            named = True
        elif _USER_PASSWORD.match(line) or (_PASSWORD.match(line) and named and not waits):
            yield Value(line.split("=")[0].split()[0], text.cite(number, "a password is set"))


def _hashes(text: Text) -> Iterator[Evidence]:
    """The first line with a password, which is a hash but where a variable stands for it."""
    for number, line in enumerate(text.lines, 1):
        if (_PASSWORD.match(line) and "$" + "{" not in line) or _USER_PASSWORD.match(line):
            yield text.cite(number, "the hash of a password")
            return


def _no_editor(text: Text) -> Value | None:
    for number, line in enumerate(text.lines, 1):
        words = line.split()
        if len(words) == 2 and words[0] == "editor" and words[1].lower() in ("no", "0", "false", "off", "n", "f"):
            return Value("editor", text.cite(number))
    return None
