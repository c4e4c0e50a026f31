"""What virsh is asked by those who change what libvirt keeps: by UUID, since a name may look like a number."""

from __future__ import annotations

import re
from dataclasses import dataclass

from virtwarden.formats import Malformed, xmlspans
from virtwarden.formats.xmlspans import Element
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs, Said

SYSTEM = "qemu:///system"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_DOMAIN = re.compile(rf"({_UUID}) (.+)")
_NWFILTER = re.compile(rf" ?({_UUID}) {{1,3}}(.+?) *")


@dataclass(frozen=True, slots=True)
class Virsh:
    """virsh on one of libvirt's connections."""

    programs: Programs
    uri: str = SYSTEM

    def ask(self, *words: str, given: str = "") -> Said:
        """What it says, whatever its exit code; XML goes to its standard input, which it reads as /dev/stdin."""
        return self.programs.ask(("virsh", "--connect", self.uri, "--quiet", *words), given)

    def must(self, *words: str) -> str:
        """What it prints. Raises `StoreError` where it fails, as it does where libvirt does not answer."""
        said = self.ask(*words)
        if said.code != 0:
            raise StoreError(f"libvirt does not tell: virsh {words[0]}: {said.complaint}")
        return said.stdout

    def guests(self, *which: str) -> dict[str, str]:
        """The UUIDs of guests by name: of those that run, or of those that `which` says."""
        lines = [line for line in self.must("list", "--uuid", "--name", *which).split("\n") if line]
        found = [each for line in lines if (each := _DOMAIN.fullmatch(line)) is not None]
        if len(found) < len(lines):
            raise StoreError("what virsh list prints is not understood")
        return {each[2]: each[1] for each in found}

    def nwfilters(self) -> dict[str, str]:
        """The UUIDs of filters by name."""
        found = map(_NWFILTER.fullmatch, self.must("nwfilter-list").split("\n"))
        return {each[2]: each[1] for each in found if each is not None}

    def validates(self, command: str) -> bool:
        """Whether a command that defines can hold the XML against libvirt's schema."""
        return "--validate" in self.must("help", command)


def tree(text: str) -> Element:
    """The root of XML that libvirt told. Raises `StoreError`."""
    try:
        return xmlspans.parse(text.encode("utf-8", "surrogateescape"))
    except Malformed as wrong:
        raise StoreError(str(wrong)) from None
