"""What the files of firewalld and ufw let in, and from where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import ClassVar, Self

from virtwarden.facts.units import Units
from virtwarden.formats import Malformed, keyvalue, xmltext
from virtwarden.formats.digits import whole
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_SETTINGS = "/etc/firewalld/firewalld.conf"
_SITE, _PACKAGED = "/etc/firewalld/zones", "/usr/lib/firewalld/zones"
_DEFAULT = "public"
_UFW, _UFW_RULES = "/etc/ufw/ufw.conf", ("/etc/ufw/user.rules", "/etc/ufw/user6.rules")
_SERVICES = {"ssh": (22, 22), "libvirt": (16509, 16509), "libvirt-tls": (16514, 16514), "vnc-server": (5900, 5903)}
_TUPLE = re.compile(
    r"### tuple ### (?P<action>allow|limit)\S* (?P<protocol>\S+) (?P<ports>\S+) \S+ \S+ (?P<source>\S+) (?P<rest>.*)"
)
_NETS = ("0.0.0.0/0", "::/0")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Opening:
    """TCP ports that are let in. `words` name it; `element` is where it stands in a zone, empty for what no edit takes
    out; `everybody` may come, not certain networks alone."""

    words: str
    ports: tuple[Span, ...]
    everybody: bool
    evidence: Evidence
    element: str = ""

    def lets_in(self, port: int) -> bool:
        """Whether it opens a port."""
        return any(first <= port <= last for first, last in self.ports)


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone of firewalld in use, from the file that counts."""

    name: str
    text: Text
    openings: tuple[Opening, ...]

    @property
    def site_path(self) -> str:
        """The site's own file of it."""
        return f"{_SITE}/{self.name}.xml"


@dataclass(frozen=True, slots=True)
class FirewallFiles:
    """The zones of firewalld that take in others than named networks, and ufw's rules; nothing of one that is not
    enabled."""

    zones: tuple[Zone, ...] = ()
    rules: tuple[Opening, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(path) for path in (_SETTINGS, _UFW, *_UFW_RULES)),
        *(reading(f"{directory}/*.xml") for directory in (_SITE, _PACKAGED)),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files of those that are enabled. Raises `Absent` where neither is."""
        units = host.get(Units)
        has_firewalld = units.enabled("firewalld.service") is not None
        zones = tuple(_zones(host.source)) if has_firewalld else ()
        rules = _rules(host.source)
        if not has_firewalld and rules is None:
            raise Absent("neither firewalld nor ufw is enabled", units.listed("no firewalld.service"))
        return cls(zones, rules or ())


def _zones(source: Source) -> Iterator[Zone]:
    """The default zone, and those of the site that an interface is in."""
    default = _default(source)
    names = [path.rpartition("/")[2].removesuffix(".xml") for path in source.glob(f"{_SITE}/*.xml")]
    for name in dict.fromkeys((default, *names)):
        text = _zone_text(source, name)
        if text is None:
            continue
        try:
            root = xmltext.parse(text.text)
        except Malformed as wrong:
            raise Unknown(f"{text.path}: {wrong}", text.cite(wrong.line or None)) from None
        if name == default or root.find("interface") is not None:
            yield Zone(name, text, tuple(_openings(root, text)))


def _default(source: Source) -> str:
    try:
        named = keyvalue.last(keyvalue.settings(source.read(_SETTINGS).text, "="), "DefaultZone")
    except Absent:
        return _DEFAULT
    return named.value if named is not None and named.value else _DEFAULT


def _zone_text(source: Source, name: str) -> Text | None:
    for directory in (_SITE, _PACKAGED):
        try:
            return source.read(f"{directory}/{name}.xml")
        except Absent:
            continue
    return None


def _openings(root: Element, text: Text) -> Iterator[Opening]:
    everybody = root.find("source") is None or root.find("interface") is not None
    if root.get("target") == "ACCEPT":
        yield Opening("its target ACCEPT", ((1, 65535),), everybody, text.cite(line_of(root)))
    for element in root:
        spans = _spans(element)
        if spans:
            named = element.get("name")
            what = f"the service {named}" if named else f"the port {element.get('port')}"
            path = f"service[@name='{named}']" if named else f"port[@port='{element.get('port')}']"
            yield Opening(what, spans, everybody, text.cite(line_of(element)), path)
        elif element.tag == "rule" and element.find("accept") is not None:
            found = tuple(span for part in element for span in _spans(part))
            free = element.find("source") is None
            if found:
                yield Opening("a rich rule", found, everybody and free, text.cite(line_of(element)))


def _spans(element: Element) -> tuple[Span, ...]:
    """The TCP ports that a service or a port of a zone stands for."""
    if element.tag == "service":
        span = _SERVICES.get(element.get("name") or "")
        return () if span is None else (span,)
    if element.tag != "port" or element.get("protocol") != "tcp":
        return ()
    return _parsed(element.get("port") or "", "-")


def _parsed(text: str, dash: str) -> tuple[Span, ...]:
    found: list[Span] = []
    for part in text.split(","):
        first, _, last = part.partition(dash)
        least, most = whole(first), whole(last or first)
        if least is not None and most is not None:
            found.append((least, most))
    return tuple(found)


def _rules(source: Source) -> tuple[Opening, ...] | None:
    """What ufw's rules let in; None where it is not enabled."""
    try:
        enabled = keyvalue.last(keyvalue.settings(source.read(_UFW).text, "="), "ENABLED")
    except Absent:
        return None
    if enabled is None or enabled.value.lower() != "yes":
        return None
    found: list[Opening] = []
    for path in _UFW_RULES:
        try:
            text = source.read(path)
        except Absent:
            continue
        found.extend(_opened(text))
    return tuple(found)


def _opened(text: Text) -> Iterator[Opening]:
    for number, line in enumerate(text.lines, 1):
        said = _TUPLE.fullmatch(line.strip())
        if said is None or said["protocol"] not in ("tcp", "any") or not re.search(r"\bin(?:_|\b)", said["rest"]):
            continue
        spans = ((1, 65535),) if said["ports"] == "any" else _parsed(said["ports"], ":")
        named = said["ports"] if said["protocol"] == "any" else f"{said['ports']}/tcp"
        yield Opening(named, spans, _is_everybody(said["source"]), text.cite(number, line.strip()))


def _is_everybody(source: str) -> bool:
    try:
        return source in ("any", *_NETS) or ip_network(source, strict=False).prefixlen == 0
    except ValueError:
        return True
