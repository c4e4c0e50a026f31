"""firewalld's zone for the bridges of libvirt's networks: what lets guests there reach the host's SSH."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.formats import Malformed, xmltext
from virtwarden.formats.digits import whole
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Absent, Host, Text, Unknown, Want, reading
from virtwarden.model import Evidence

SITE = "/etc/firewalld/zones/libvirt.xml"
_FILES = (SITE, "/usr/lib/firewalld/zones/libvirt.xml")
_SSH = 22


@dataclass(frozen=True, slots=True)
class LibvirtZone:
    """The zone `libvirt` from the file that counts; `openings` are what lets SSH in, in words, and their lines."""

    text: Text
    openings: tuple[tuple[str, Evidence], ...] = ()

    wants: ClassVar[tuple[Want, ...]] = tuple(reading(path) for path in _FILES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the site's file, else the package's. Raises `Absent` where there is no such zone."""
        for path in _FILES:
            try:
                text = host.source.read(path)
            except Absent:
                continue
            try:
                root = xmltext.parse(text.text)
            except Malformed as wrong:
                raise Unknown(f"{path}: {wrong}", text.cite(wrong.line or None)) from None
            found = tuple((words, text.cite(line_of(element))) for words, element in _openings(root))
            return cls(text, found)
        raise Absent("firewalld has no zone for libvirt's networks")


def _openings(root: Element) -> Iterator[tuple[str, Element]]:
    """The package's zone accepts what its last rule does not refuse: without that rule it accepts all."""
    for element in root:
        if _is_ssh(element):
            yield f"the {element.tag} {element.get('name') or element.get('port')}", element
        elif element.tag == "rule" and element.find("accept") is not None:
            meant = [part for part in element if part.tag in ("service", "port", "protocol", "source-port")]
            if not meant or any(map(_is_ssh, meant)):
                yield "a rule", element
    refuses = any(_refuses_all(rule) for rule in root.iterfind("rule"))
    if root.get("target") == "ACCEPT" and not refuses:
        yield "its target ACCEPT with no rule that refuses the rest", root


def _is_ssh(element: Element) -> bool:
    if element.tag == "service":
        return element.get("name") == "ssh"
    if element.tag != "port" or element.get("protocol") != "tcp":
        return False
    first, _, last = (element.get("port") or "").partition("-")
    least, most = whole(first), whole(last or first)
    return least is not None and most is not None and least <= _SSH <= most


def _refuses_all(rule: Element) -> bool:
    """Whether a rule refuses whatever comes, which is one that looks at nothing."""
    return not rule.get("family") and [str(part.tag) for part in rule] in (["reject"], ["drop"])
