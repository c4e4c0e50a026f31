"""Network filters of guests that run: libvirt can put them on an interface without the guest being started anew.

Everything else that a definition asks for waits for the guest's next start.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

from lxml import etree

from virtwarden.edits import Edit
from virtwarden.formats import Malformed, xmltext
from virtwarden.formats.xmltext import Element
from virtwarden.model import Document
from virtwarden.stores.images import Image, Nothing, StoreError, TextImage
from virtwarden.stores.libvirt import STDIN, SYSTEM, Virsh
from virtwarden.stores.programs import Programs


@dataclass(frozen=True, slots=True)
class LiveDevices:
    """The interfaces of running guests."""

    programs: Programs = field(default_factory=Programs)
    uri: str = SYSTEM

    def image(self, name: str, edits: Sequence[Edit] = ()) -> Image:
        """The filter of each interface of the running guest, by its MAC address; nothing where the guest does not run.
        Raises `StoreError`."""
        del edits
        if not self.runs(name):
            return Nothing()
        told = etree.Element("interfaces")
        for mac, interface in self._interfaces(name).items():
            each = etree.SubElement(told, "interface")
            etree.SubElement(each, "mac", address=mac)
            each.extend(deepcopy(reference) for reference in interface.iterfind("filterref"))
        return TextImage(_text(told))

    def edited(self, document: Document, image: Image, edits: Sequence[Edit]) -> Image:
        """The same: what a guest runs with follows from its definition."""
        del document, edits
        return image

    def put(self, name: str, image: Image) -> Image:
        """Give the interfaces their filters again. Raises `StoreError`."""
        if isinstance(image, TextImage) and self.runs(name):
            now = self._interfaces(name)
            for mac, wanted in _by_mac(_parsed(image.text)):
                if mac in now and _filter(now[mac]) != _filter(wanted):
                    self._update(name, now[mac], wanted.find("filterref"))
        return self.image(name)

    def take_filters(self, name: str) -> None:
        """Put on each interface that has no filter the one that the guest's definition names. Raises
        `StoreError`."""
        wanted = self._interfaces(name, "--inactive")
        for mac, live in self._interfaces(name).items():
            reference = wanted[mac].find("filterref") if mac in wanted else None
            if reference is not None and live.find("filterref") is None:
                self._update(name, live, reference)

    def runs(self, name: str) -> bool:
        """Whether the guest runs. Raises `StoreError`."""
        said = self._virsh.ask("domstate", f"--domain={name}")
        return said is not None and said.split()[:1] in (["running"], ["paused"], ["pmsuspended"])

    @property
    def _virsh(self) -> Virsh:
        return Virsh(self.programs, self.uri)

    def _interfaces(self, name: str, *flags: str) -> dict[str, Element]:
        said = self._virsh.ask("dumpxml", "--security-info", *flags, f"--domain={name}")
        return dict(_by_mac(_parsed(said or "<domain/>").find("devices")))

    def _update(self, name: str, interface: Element, reference: Element | None) -> None:
        """Have a running interface go through this filter alone, or through none."""
        for old in interface.findall("filterref"):
            interface.remove(old)
        if reference is not None:
            interface.append(deepcopy(reference))
        words = ("update-device", f"--domain={name}", "--live", "--file", STDIN)
        self._virsh.ask(*words, given=_text(interface))


def _by_mac(parent: Element | None) -> Iterator[tuple[str, Element]]:
    for interface in () if parent is None else parent.iterfind("interface"):
        mac = interface.find("mac")
        if mac is not None:
            yield (mac.get("address") or "").lower(), interface


def _filter(interface: Element) -> str:
    found = interface.find("filterref")
    return "" if found is None else "".join(_text(found).split())


def _text(element: Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)


def _parsed(text: str) -> Element:
    try:
        return xmltext.parse(text)
    except Malformed as wrong:
        raise StoreError(f"libvirt's XML: {wrong}") from None
