"""A domain's XML as typed values: what libvirt was told to run, or is running.

Only what controls judge is spelled out; `Definition.xml` has the rest. Every value knows its line, so that a
finding can cite it. Source of the grammar: https://libvirt.org/formatdomain.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from virtwarden.formats.digits import signed
from virtwarden.formats.xmltext import Element, line_of
from virtwarden.host import Text
from virtwarden.model import Evidence, State

_SOURCE_NAMES = ("file", "dev", "dir", "volume", "name")
_POWERS = "bkmgtpe"


@dataclass(frozen=True, slots=True)
class Seclabel:
    """One `<seclabel>`; `kind` is its type: dynamic, static or none."""

    model: str | None
    kind: str
    relabel: bool
    label: str | None
    imagelabel: str | None
    baselabel: str | None
    line: int


@dataclass(frozen=True, slots=True)
class Disk:
    """One `<disk>`. `source` is a path for file, block and dir, a name otherwise; `backing` the chain below
    it as (path, format) where the XML tells."""

    device: str
    kind: str
    source: str | None
    target: str
    format: str | None
    cache: str | None
    readonly: bool
    shareable: bool
    transient: bool
    encryption: str | None
    secret: str | None
    rawio: bool
    sgio: str | None
    protocol: str | None
    tls: bool
    pool: str | None
    iotune: Mapping[str, int]
    seclabels: tuple[Seclabel, ...]
    backing: tuple[tuple[str, str | None], ...]
    line: int
    xml: Element

    @property
    def is_local(self) -> bool:
        """Whether `source` is a path on this host."""
        return self.kind in ("file", "block", "dir") and self.source is not None


@dataclass(frozen=True, slots=True)
class Interface:
    """One `<interface>`; `source` is the bridge, network or device it plugs into."""

    kind: str
    mac: str | None
    source: str | None
    mode: str | None
    target: str | None
    model: str | None
    filter: str | None
    parameters: Mapping[str, tuple[str, ...]]
    vlans: tuple[int, ...]
    trunk: bool
    isolated: bool
    virtualport: str | None
    trust_guest: bool
    current_address: str | None
    inbound: Mapping[str, int]
    outbound: Mapping[str, int]
    line: int
    xml: Element

    @property
    def name(self) -> str:
        """What a reader calls it: its MAC, else its host device, else its kind."""
        return self.mac or self.target or self.kind


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a console listens: type address, network, socket or none. `by_conf`: a running guest has it from
    qemu.conf."""

    kind: str
    address: str | None
    by_conf: bool = False


@dataclass(frozen=True, slots=True)
class Console:
    """One `<graphics>`. Ports are None where there is none or libvirt picks it at start (-1)."""

    kind: str
    port: int | None
    tls_port: int | None
    websocket: int | None
    autoport: bool
    listens: tuple[Listen, ...]
    has_password: bool
    valid_to: str | None
    default_mode: str | None
    channels: Mapping[str, str]
    copypaste: bool
    filetransfer: bool
    line: int
    xml: Element


@dataclass(frozen=True, slots=True)
class Chardev:
    """A serial, parallel, console or channel device, or a redirected one, with its backend."""

    element: str
    kind: str
    path: str | None
    mode: str | None
    host: str | None
    service: str | None
    protocol: str | None
    tls: bool
    line: int


@dataclass(frozen=True)
class Definition:
    """One guest's XML, in one of its two states; `text` is the file or the output it was read from."""

    xml: Element
    state: State
    text: Text

    def cite(self, line: int | None = None, text: str | None = None) -> Evidence:
        """Evidence from this XML: a line of it, or words about the whole."""
        return self.text.cite(line, text)

    def get(self, path: str, attribute: str | None = None) -> str | None:
        """The text, or an attribute, of the first element at `path`; None where there is none."""
        return _get(self.xml, path, attribute)

    def has(self, path: str) -> bool:
        """Whether there is an element at `path`."""
        return self.xml.find(path) is not None

    def line(self, path: str) -> int | None:
        """The line of the first element at `path`."""
        found = self.xml.find(path)
        return None if found is None else line_of(found)

    @cached_property
    def name(self) -> str:
        """The guest's name."""
        return self.get("name") or ""

    @cached_property
    def uuid(self) -> str:
        """The guest's uuid in lower case, empty where the XML has none."""
        return (self.get("uuid") or "").lower()

    @cached_property
    def hypervisor(self) -> str:
        """kvm, qemu …"""
        return self.xml.get("type") or ""

    @cached_property
    def machine(self) -> str | None:
        """The machine type, `pc-q35-7.2` or an alias such as `q35`."""
        return self.get("os/type", "machine")

    @cached_property
    def emulator(self) -> str | None:
        """The emulator's path."""
        return self.get("devices/emulator")

    @cached_property
    def memory_kib(self) -> int:
        """The most memory the guest may have, in KiB; 0 where the XML does not say."""
        return self._kib("memory") or 0

    def memtune(self, limit: str) -> int | None:
        """A limit of `<memtune>` in KiB: hard_limit, soft_limit, swap_hard_limit; None where it is not set."""
        return self._kib(f"memtune/{limit}")

    def _kib(self, path: str) -> int | None:
        element = self.xml.find(path)
        number = _number(None if element is None else element.text)
        if element is None or number is None:
            return None
        return -(-number * _bytes_in(element.get("unit") or "KiB") // 1024)

    @cached_property
    def vcpus(self) -> int:
        """How many virtual processors it may have, one unless the XML says more; 0 where that is no number."""
        said = self.get("vcpu")
        return 1 if said is None else max(_number(said) or 0, 0)

    @cached_property
    def disks(self) -> tuple[Disk, ...]:
        """Its disks, in document order."""
        return tuple(_disk(element) for element in self.xml.iterfind("devices/disk"))

    @cached_property
    def interfaces(self) -> tuple[Interface, ...]:
        """Its network interfaces, in document order."""
        return tuple(_interface(element) for element in self.xml.iterfind("devices/interface"))

    @cached_property
    def consoles(self) -> tuple[Console, ...]:
        """Its graphical consoles."""
        return tuple(_console(element) for element in self.xml.iterfind("devices/graphics"))

    def consoles_of(self, kind: str) -> tuple[Console, ...]:
        """Its consoles of one kind: vnc, spice …"""
        return tuple(console for console in self.consoles if console.kind == kind)

    @cached_property
    def seclabels(self) -> tuple[Seclabel, ...]:
        """The security labels of the whole guest."""
        return tuple(_seclabel(element) for element in self.xml.iterfind("seclabel"))

    @cached_property
    def chardevs(self) -> tuple[Chardev, ...]:
        """Its character devices."""
        names = ("serial", "parallel", "console", "channel", "redirdev", "smartcard", "rng/backend")
        return tuple(_chardev(element) for name in names for element in self.xml.iterfind(f"devices/{name}"))

    @cached_property
    def qemu_arguments(self) -> tuple[Element, ...]:
        """What `<qemu:commandline>` and its kin add behind libvirt's back."""
        found = (child for child in self.xml if isinstance(child.tag, str) and "}" in child.tag)
        return tuple(child for child in found if "/qemu/" in child.tag)


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest: its persistent definition, its running one, or both."""

    name: str
    uuid: str
    on_disk: Definition | None = None
    in_force: Definition | None = None
    pid: int | None = None
    autostart: bool = False

    @property
    def running(self) -> bool:
        """Whether it is known to run."""
        return self.in_force is not None

    @property
    def definitions(self) -> tuple[Definition, ...]:
        """What there is of it, on disk first."""
        return tuple(definition for definition in (self.on_disk, self.in_force) if definition is not None)

    @property
    def latest(self) -> Definition:
        """The definition that tells most of what it is now: in force, else on disk."""
        return self.definitions[-1]


def _get(element: Element, path: str, attribute: str | None = None) -> str | None:
    found = element.find(path)
    if found is None:
        return None
    return found.get(attribute) if attribute is not None else (found.text or "").strip() or None


def _number(text: str | None) -> int | None:
    return None if text is None else signed(text.strip())


def _bytes_in(unit: str) -> int:
    """A unit of memory in any case: `k` and `KiB` are 1024 bytes, `KB` is 1000."""
    unit = unit.lower()
    if unit in ("b", "byte", "bytes"):
        return 1
    return int((1000 if unit[1:] == "b" else 1024) ** max(_POWERS.find(unit[0]), 1))


def _numbers(element: Element | None) -> dict[str, int]:
    if element is None:
        return {}
    pairs = [(str(child.tag), _number(child.text)) for child in element]
    return {name: number for name, number in pairs if number is not None}


def _attribute_numbers(element: Element | None) -> dict[str, int]:
    if element is None:
        return {}
    pairs = [(str(name), _number(str(value))) for name, value in element.attrib.items()]
    return {name: number for name, number in pairs if number is not None}


def _yes(text: str | None) -> bool:
    return text in ("yes", "on")


def _seclabel(element: Element) -> Seclabel:
    kind = element.get("type") or "dynamic"
    relabel = element.get("relabel")
    return Seclabel(
        model=element.get("model"),
        kind=kind,
        relabel=_yes(relabel) if relabel is not None else kind == "dynamic",
        label=_get(element, "label"),
        imagelabel=_get(element, "imagelabel"),
        baselabel=_get(element, "baselabel"),
        line=line_of(element),
    )


def _source_of(element: Element | None) -> str | None:
    if element is None:
        return None
    return next((element.get(name) for name in _SOURCE_NAMES if element.get(name)), None)


def _backing(element: Element) -> tuple[tuple[str, str | None], ...]:
    chain: list[tuple[str, str | None]] = []
    store = element.find("backingStore")
    while store is not None:
        path = _source_of(store.find("source"))
        if path is not None:
            chain.append((path, _get(store, "format", "type")))
        store = store.find("backingStore")
    return tuple(chain)


def _disk(element: Element) -> Disk:
    source = element.find("source")
    encryption = element.find("source/encryption")
    if encryption is None:
        encryption = element.find("encryption")
    return Disk(
        device=element.get("device") or "disk",
        kind=element.get("type") or "file",
        source=_source_of(source),
        target=_get(element, "target", "dev") or "",
        format=_get(element, "driver", "type"),
        cache=_get(element, "driver", "cache"),
        readonly=element.find("readonly") is not None,
        shareable=element.find("shareable") is not None,
        transient=element.find("transient") is not None,
        encryption=None if encryption is None else encryption.get("format"),
        secret=None if encryption is None else _get(encryption, "secret", "uuid"),
        rawio=_yes(element.get("rawio")),
        sgio=element.get("sgio"),
        protocol=None if source is None else source.get("protocol"),
        tls=source is not None and _yes(source.get("tls")),
        pool=None if source is None else source.get("pool"),
        iotune=_numbers(element.find("iotune")),
        seclabels=tuple(_seclabel(label) for label in element.iterfind("source/seclabel")),
        backing=_backing(element),
        line=line_of(element),
        xml=element,
    )


def _interface(element: Element) -> Interface:
    source = element.find("source")
    reference = element.find("filterref")
    parameters: dict[str, tuple[str, ...]] = {}
    for parameter in () if reference is None else reference.iterfind("parameter"):
        name = parameter.get("name") or ""
        parameters[name] = (*parameters.get(name, ()), parameter.get("value") or "")
    tags = [_number(tag.get("id")) for tag in element.iterfind("vlan/tag")]
    mac = element.find("mac")
    return Interface(
        kind=element.get("type") or "",
        mac=None if mac is None else (mac.get("address") or "").lower() or None,
        source=None if source is None else source.get("bridge") or source.get("network") or source.get("dev"),
        mode=None if source is None else source.get("mode"),
        target=_get(element, "target", "dev"),
        model=_get(element, "model", "type"),
        filter=None if reference is None else reference.get("filter"),
        parameters=parameters,
        vlans=tuple(tag for tag in tags if tag is not None),
        trunk=_yes(_get(element, "vlan", "trunk")),
        isolated=_yes(_get(element, "port", "isolated")),
        virtualport=_get(element, "virtualport", "type"),
        trust_guest=_yes(element.get("trustGuestRxFilters")),
        current_address=None if mac is None else mac.get("currentAddress"),
        inbound=_attribute_numbers(element.find("bandwidth/inbound")),
        outbound=_attribute_numbers(element.find("bandwidth/outbound")),
        line=line_of(element),
        xml=element,
    )


def _port(text: str | None) -> int | None:
    number = _number(text)
    return number if number is not None and number > 0 else None


def _listens(element: Element) -> tuple[Listen, ...]:
    children = [
        Listen(
            child.get("type") or "address",
            child.get("address") or child.get("socket"),
            child.get("fromConfig") == "1",
        )
        for child in element.iterfind("listen")
    ]
    if children and children[0] == Listen("address", None):
        children[0] = Listen("address", element.get("listen"))
    if children:
        return tuple(children)
    if element.get("socket"):
        return (Listen("socket", element.get("socket")),)
    return (Listen("address", element.get("listen")),)


def _console(element: Element) -> Console:
    return Console(
        kind=element.get("type") or "",
        port=_port(element.get("port")),
        tls_port=_port(element.get("tlsPort")),
        websocket=_number(element.get("websocket")) or None,
        autoport=_yes(element.get("autoport")),
        listens=_listens(element),
        has_password=element.get("passwd") is not None,
        valid_to=element.get("passwdValidTo"),
        default_mode=element.get("defaultMode"),
        channels={c.get("name") or "": c.get("mode") or "" for c in element.iterfind("channel")},
        copypaste=_get(element, "clipboard", "copypaste") != "no",
        filetransfer=_get(element, "filetransfer", "enable") != "no",
        line=line_of(element),
        xml=element,
    )


def _chardev(element: Element) -> Chardev:
    source = element.find("source")
    nothing: Mapping[str, str] = {}
    attributes = nothing if source is None else source.attrib
    return Chardev(
        element=str(element.tag),
        kind=element.get("type") or "",
        path=attributes.get("path"),
        mode=attributes.get("mode"),
        host=attributes.get("host"),
        service=attributes.get("service"),
        protocol=_get(element, "protocol", "type"),
        tls=_yes(attributes.get("tls")),
        line=line_of(element),
    )
