"""firewalld's zones in use and the site's policies for the host, and what they let in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lxml import etree

from virtwarden.facts.openings import ALL_PORTS, Opening, Span, networks, spans
from virtwarden.formats import Malformed, keyvalue, xmltext
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Absent, Source, Text, Unknown
from virtwarden.model import Evidence

SETTINGS = "/etc/firewalld/firewalld.conf"
DIRECT = "/etc/firewalld/direct.xml"
SITE, PACKAGED = "/etc/firewalld", "/usr/lib/firewalld"
IFCFG = ("/etc/sysconfig/network-scripts/ifcfg-*", "/etc/sysconfig/network/ifcfg-*")
KEYFILES = "/etc/NetworkManager/system-connections/*"
_DEFAULT = "public"
_NAME = re.compile(r"[\w.+-]+")
_KNOWN: dict[str, tuple[Span, ...]] = {
    "ssh": ((22, 22),),
    "libvirt": ((16509, 16509),),
    "libvirt-tls": ((16514, 16514),),
    "vnc-server": ((5900, 5903),),
    "cockpit": ((9090, 9090),),
    "http": ((80, 80),),
    "https": ((443, 443),),
    "dns": ((53, 53),),
    "nfs": ((2049, 2049),),
    **dict.fromkeys(("dhcp", "dhcpv6", "dhcpv6-client", "ipp-client", "mdns", "ntp", "samba-client", "tftp"), ()),
}
"""Services of firewalld's packages, which a recording need not hold."""
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone in use, or a policy for what comes to the host, from the file that counts; `kind` tells which."""

    name: str
    text: Text
    openings: tuple[Opening, ...]
    kind: str = "zone"

    @property
    def site_path(self) -> str:
        """The site's own file of it."""
        return f"{SITE}/{'zones' if self.kind == 'zone' else 'policies'}/{self.name}.xml"


def read(source: Source) -> Iterator[Zone]:
    """The zones into which others than this host may fall, and the policies. Raises `Unknown`."""
    default, named = _default(source), set(_of_connections(source))
    for name in dict.fromkeys((default, *_names(source, "zones"), *sorted(named))):
        text = _zone_text(source, name)
        if text is None:
            if name == default:
                raise Unknown(f"firewalld's default zone {name} has no file that could be read")
            continue
        root = _root(text)
        taken = name == default or name in named or root.find("interface") is not None
        if taken or root.find("source") is not None:
            sources, doubt = ((), "") if taken else _sources(root)
            yield Zone(name, text, tuple(_openings(source, root, text, sources, doubt)))
    yield from _policies(source)
    _refuse_direct(source)


def _default(source: Source) -> str:
    try:
        named = keyvalue.last(keyvalue.settings(source.read(SETTINGS).text, "="), "DefaultZone")
    except Absent:
        return _DEFAULT
    return named.value if named is not None and named.value else _DEFAULT


def _names(source: Source, kind: str) -> list[str]:
    return [path.rpartition("/")[2].removesuffix(".xml") for path in source.glob(f"{SITE}/{kind}/*.xml")]


def _of_connections(source: Source) -> Iterator[str]:
    """The zones that the files of the network put devices into."""
    for path in (path for pattern in IFCFG for path in source.glob(pattern)):
        try:
            zone = keyvalue.last(keyvalue.assignments(source.read(path).text), "ZONE")
        except Absent:
            continue
        except Malformed as wrong:
            raise Unknown(f"into which zone {path} puts its device: {wrong}") from None
        if zone is not None and _NAME.fullmatch(zone.value):
            yield zone.value
    for path in source.glob(KEYFILES):
        try:
            found = re.search(r"^zone=([\w.+-]+)\s*$", source.read(path).text, re.MULTILINE)
        except Absent:
            continue
        if found is not None:
            yield found[1]


def _zone_text(source: Source, name: str) -> Text | None:
    for directory in (SITE, PACKAGED):
        try:
            return source.read(f"{directory}/zones/{name}.xml")
        except Absent:
            continue
    return None


def _root(text: Text) -> Element:
    try:
        return xmltext.parse(text.text)
    except Malformed as wrong:
        raise Unknown(f"{text.path}: {wrong}", text.cite(wrong.line or None)) from None


def _sources(root: Element) -> tuple[tuple[str, ...], str]:
    """The networks that a zone is for, and what of them is not understood; none where it is for everybody."""
    found: list[str] = []
    for element in root.iterfind("source"):
        named = networks(element.get("address") or "")
        if named is None:
            return (), f"its source {element.get('ipset') or element.get('mac') or element.get('address')}"
        if not named:
            return (), ""
        found.extend(named)
    return tuple(found), ""


def _openings(
    source: Source, root: Element, text: Text, sources: tuple[str, ...], doubt: str
) -> Iterator[Opening]:
    if root.get("target") == "ACCEPT":
        yield Opening("its target ACCEPT", ALL_PORTS, text.cite(line_of(root)), sources, doubt=doubt)
    rules = 0
    for element in root:
        cited, tag = text.cite(line_of(element)), str(element.tag)
        if tag == "rule":
            rules += 1
            if element.find("accept") is not None:
                rule = _rule(source, element, rules, cited)
                yield replace(rule, sources=rule.sources or sources, doubt=doubt or rule.doubt)
            continue
        opened, unclear = _opened(source, element)
        if opened or unclear:
            path = _path(element)
            inner = _written(element) + "<accept/>" if path else ""
            yield Opening(_words(element), opened, cited, sources, path, inner, doubt=doubt or unclear)


def _rule(source: Source, element: Element, number: int, cited: Evidence) -> Opening:
    """What a rich rule lets in; one that looks at no port lets in all of them."""
    parts = [
        part for part in element if part.tag not in ("source", "accept", "log", "audit", "nflog", "destination")
    ]
    opened, unclear = ALL_PORTS, ""
    if parts:
        found = [_opened(source, part) for part in parts]
        opened = tuple(span for each, _ in found for span in each)
        unclear = next((why for _, why in found if why), "")
    own = element.find("source")
    named: tuple[str, ...] | None = ()
    if own is not None:
        named = None if _inverted(own) else networks(own.get("address") or "")
        unclear = unclear or ("" if named is not None else "the source of a rich rule")
    inner = "".join(_written(part) for part in element if part.tag != "source")
    simple = not {"priority"} & set(map(str, element.attrib))
    return Opening(
        "a rich rule", opened, cited, named or (), f"rule[{number}]" if simple else "", inner,
        element.get("family") or "", unclear,
    )  # fmt: skip


def _inverted(element: Element) -> bool:
    return (element.get("invert") or element.get("NOT") or "no").lower() in ("yes", "true", "1")


def _opened(source: Source, element: Element) -> tuple[tuple[Span, ...], str]:
    """The TCP ports that an element stands for, and what of it could not be told."""
    match str(element.tag):
        case "service":
            name = element.get("name") or ""
            try:
                return _of_service(source, name, 0), ""
            except Unknown as refused:
                return (), str(refused)
        case "port" if element.get("protocol") == "tcp":
            return spans(element.get("port") or "", "-"), ""
        case "source-port" if element.get("protocol") == "tcp":
            return ALL_PORTS, ""
        case "protocol" if (element.get("value") or "").lower() in ("tcp", "6"):
            return ALL_PORTS, ""
        case "forward-port" if element.get("protocol") == "tcp" and not element.get("to-addr"):
            return spans(element.get("to-port") or "", "-"), ""
    return (), ""


def _of_service(source: Source, name: str, depth: int) -> tuple[Span, ...]:
    """What a service opens, by the site's file, else the package's. Raises `Unknown`."""
    if not _NAME.fullmatch(name) or depth > _DEEPEST:
        raise Unknown(f"what the service {name} opens")
    for directory in (SITE, PACKAGED):
        if directory == PACKAGED and name in _KNOWN:
            break
        try:
            root = _root(source.read(f"{directory}/services/{name}.xml"))
        except Absent:
            continue
        parts = [_opened(source, each)[0] for each in root]
        parts += [_of_service(source, each.get("service") or "", depth + 1) for each in root.iterfind("include")]
        return tuple(span for part in parts for span in part)
    if name not in _KNOWN:
        raise Unknown(f"what the service {name} opens cannot be told without its file")
    return _KNOWN[name]


def _words(element: Element) -> str:
    kind = str(element.tag).replace("forward-port", "forwarding to port").replace("-", " ")
    named = ("name", "to-port", "port", "value")
    return f"the {kind} {next((element.get(each) for each in named if element.get(each)), '')}"


def _path(element: Element) -> str:
    """Where an element stands that an edit may take out and a rule may stand for."""
    if element.tag == "service":
        return f"service[@name='{element.get('name')}']"
    if element.tag == "port":
        return f"port[@port='{element.get('port')}'][@protocol='{element.get('protocol')}']"
    return ""


def _written(element: Element) -> str:
    return str(etree.tostring(element, encoding="unicode", with_tail=False))


def _policies(source: Source) -> Iterator[Zone]:
    """The site's policies for what comes to the host; those of the package let in none of this."""
    for name in _names(source, "policies"):
        text = source.read(f"{SITE}/policies/{name}.xml")
        root = _root(text)
        if any(each.get("name") == "HOST" for each in root.iterfind("egress-zone")):
            yield Zone(name, text, tuple(_openings(source, root, text, (), "")), "policy")


def _refuse_direct(source: Source) -> None:
    """Direct rules come before all zones. Raises `Unknown` where there is one that lets something in."""
    try:
        text = source.read(DIRECT)
    except Absent:
        return
    for element in _root(text).iter("rule", "passthrough"):
        said = f"{element.get('chain') or ''} {element.text or ''}"
        if re.search(r"\b(?:INPUT|IN_\w+)\b", said) and "ACCEPT" in said:
            raise Unknown(
                f"{DIRECT}: direct rules that let something in are not understood", text.cite(line_of(element))
            )
