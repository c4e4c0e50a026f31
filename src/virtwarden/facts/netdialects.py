"""The dialects in which a host's files make network devices: each reader adds what one file says.

ifcfg files of Red Hat and SUSE, NetworkManager's keyfiles, systemd-networkd's units (netplan writes these too)
and ifupdown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from virtwarden.formats import ini, keyvalue
from virtwarden.formats.digits import whole
from virtwarden.host import Text
from virtwarden.model import Evidence

_YES = ("yes", "on", "true", "1", "y")


@dataclass(frozen=True, slots=True)
class Setting:
    """A value and the line it stands in."""

    value: str
    evidence: Evidence

    @property
    def is_on(self) -> bool:
        """Whether it is one of the words for yes."""
        return self.value.lower() in _YES


@dataclass(frozen=True)
class NetDevice:
    """One device. `settings` has: kind, vlan, parent, bridge (the one it is a port of), stp, delay (in seconds),
    gateway, no-ipv6; `addresses` are fixed ones and the words dhcp and auto. `dialect` says whose file it is."""

    name: str
    dialect: str
    path: str
    settings: dict[str, Setting] = field(default_factory=dict)
    addresses: list[Setting] = field(default_factory=list)

    def value(self, name: str) -> str:
        """A setting's value, empty where it is not set."""
        return self.settings[name].value if name in self.settings else ""

    @property
    def is_bridge(self) -> bool:
        """Whether it is a bridge."""
        return self.value("kind") == "bridge"

    @property
    def vlan(self) -> int | None:
        """The id of a VLAN device; None where it is none."""
        return whole(self.value("vlan"))

    @property
    def evidence(self) -> Evidence:
        """Where it is made: the line that says what it is, else the first that says something of it."""
        for name in ("kind", "vlan", "bridge", *self.settings):
            if name in self.settings:
                return self.settings[name].evidence
        return Evidence("the file that makes it", path=self.path)


class Devices:
    """Devices on their way together."""

    def __init__(self) -> None:
        self.found: dict[str, NetDevice] = {}
        self._ports: list[tuple[str, str, Setting]] = []
        self._uuids: dict[str, str] = {}

    def device(self, name: str, dialect: str, path: str) -> NetDevice:
        """The device of that name, made if it is new."""
        return self.found.setdefault(name, NetDevice(name, dialect, path))

    def port(self, name: str, bridge: str, dialect: str, setting: Setting) -> None:
        """`name` is a port of `bridge`, which may be written as the uuid of a connection."""
        self._ports.append((name, bridge, setting))
        self.device(name, dialect, setting.evidence.path or "")

    def known_as(self, uuid: str, name: str) -> None:
        """The device of that name may be called by this uuid."""
        self._uuids[uuid] = name

    def settle(self) -> None:
        """Put names in place of uuids, once all files have been read."""
        for name, bridge, setting in self._ports:
            real = self._uuids.get(bridge, bridge)
            self.found[name].settings["bridge"] = Setting(real, setting.evidence)
        for device in self.found.values():
            parent = device.settings.get("parent")
            if parent is not None and parent.value in self._uuids:
                device.settings["parent"] = Setting(self._uuids[parent.value], parent.evidence)


def _shell(text: Text) -> dict[str, Setting]:
    return {
        pair.key: Setting(pair.value, text.cite(pair.line))
        for pair in keyvalue.assignments(text.text)
        if pair.value
    }


def ifcfg(found: Devices, text: Text) -> None:
    """An ifcfg file of Red Hat's."""
    given = _shell(text)
    name = given["DEVICE"].value if "DEVICE" in given else text.path.rpartition("ifcfg-")[2]
    device = found.device(name, "ifcfg", text.path)
    _copy(device, given, {"STP": "stp", "DELAY": "delay", "GATEWAY": "gateway", "PHYSDEV": "parent"})
    if given.get("TYPE", Setting("", Evidence(""))).value.lower() == "bridge":
        device.settings["kind"] = Setting("bridge", given["TYPE"].evidence)
    if "VLAN" in given and given["VLAN"].is_on:
        digits = name.rpartition(".")[2] if "." in name else name.removeprefix("vlan")
        number = given.get("VLAN_ID", Setting(digits, given["VLAN"].evidence))
        _vlan(device, number, name.rpartition(".")[0])
    if "BRIDGE" in given:
        found.port(name, given["BRIDGE"].value, "ifcfg", given["BRIDGE"])
    for key, setting in given.items():
        if key.startswith("IPADDR") or key == "IPV6ADDR":
            device.addresses.append(setting)
    _automatic(device, given.get("BOOTPROTO"), ("dhcp", "bootp"))
    if "IPV6_DISABLED" in given and given["IPV6_DISABLED"].is_on:
        device.settings["no-ipv6"] = given["IPV6_DISABLED"]


def suse(found: Devices, text: Text) -> None:
    """An ifcfg file of SUSE's."""
    given = _shell(text)
    name = text.path.rpartition("ifcfg-")[2]
    device = found.device(name, "wicked", text.path)
    _copy(device, given, {"BRIDGE_STP": "stp", "BRIDGE_FORWARDDELAY": "delay", "ETHERDEVICE": "parent"})
    if "BRIDGE" in given and given["BRIDGE"].is_on:
        device.settings["kind"] = Setting("bridge", given["BRIDGE"].evidence)
    if "ETHERDEVICE" in given:
        digits = name.rpartition(".")[2] if "." in name else name.removeprefix("vlan")
        _vlan(device, given.get("VLAN_ID", Setting(digits, given["ETHERDEVICE"].evidence)), "")
    for port in given["BRIDGE_PORTS"].value.split() if "BRIDGE_PORTS" in given else ():
        found.port(port, name, "wicked", given["BRIDGE_PORTS"])
    for key, setting in given.items():
        if key.startswith("IPADDR") and setting.value not in ("0.0.0.0", "0.0.0.0/32"):  # noqa: S104
            device.addresses.append(setting)
    _automatic(device, given.get("BOOTPROTO"), ("dhcp", "dhcp4", "dhcp6", "dhcp+autoip", "auto6"))


def keyfile(found: Devices, text: Text) -> None:
    """A keyfile of NetworkManager's."""
    entries = {(e.section, e.key): Setting(e.value, text.cite(e.line)) for e in ini.parse(text.text)}
    kind = entries.get(("connection", "type"))
    named = entries.get(("connection", "interface-name")) or entries.get(("connection", "id"))
    if kind is None or named is None:
        return
    device = found.device(named.value, "NetworkManager", text.path)
    device.settings["kind"] = kind
    if ("connection", "uuid") in entries:
        found.known_as(entries["connection", "uuid"].value, named.value)
    bridge = [entries[key] for key in (("connection", "controller"), ("connection", "master")) if key in entries]
    if bridge:
        found.port(named.value, bridge[0].value, "NetworkManager", bridge[0])
    names = {("bridge", "stp"): "stp", ("bridge", "forward-delay"): "delay", ("vlan", "parent"): "parent"}
    device.settings.update({names[key]: setting for key, setting in entries.items() if key in names})
    if kind.value == "bridge":
        device.settings.setdefault("stp", Setting("true", kind.evidence))
        device.settings.setdefault("delay", Setting("15", kind.evidence))
    if ("vlan", "id") in entries:
        device.settings["vlan"] = entries["vlan", "id"]
    for (section, key), setting in entries.items():
        if section in ("ipv4", "ipv6") and key.startswith("address") and key != "addresses-defaults":
            device.addresses.append(setting)
        if section in ("ipv4", "ipv6") and key == "gateway":
            device.settings["gateway"] = setting
    _automatic(device, entries.get(("ipv4", "method")), ("auto", "shared"))
    method = entries.get(("ipv6", "method"))
    _automatic(device, method, ("auto", "dhcp", "shared"))
    if method is not None and method.value == "disabled":
        device.settings["no-ipv6"] = method


def networkd(found: Devices, text: Text) -> None:
    """A .netdev or .network file."""
    entries = ini.parse(text.text)
    section, key = ("NetDev", "Name") if text.path.endswith(".netdev") else ("Match", "Name")
    named = ini.last(entries, section, key)
    if named is None or any(character in named.value for character in "*?[! "):
        return
    device = found.device(named.value, "networkd", text.path)

    def last(section: str, key: str) -> Setting | None:
        entry = ini.last(entries, section, key)
        return None if entry is None else Setting(entry.value, text.cite(entry.line))

    wanted = {
        "kind": last("NetDev", "Kind"),
        "vlan": last("VLAN", "Id"),
        "stp": last("Bridge", "STP") if section == "NetDev" else None,
        "delay": last("Bridge", "ForwardDelaySec"),
        "gateway": last("Network", "Gateway"),
    }
    device.settings.update({name: setting for name, setting in wanted.items() if setting is not None})
    for entry in (*ini.every(entries, "Network", "Address"), *ini.every(entries, "Address", "Address")):
        device.addresses.append(Setting(entry.value, text.cite(entry.line)))
    _automatic(device, last("Network", "DHCP"), ("yes", "true", "1", "ipv4", "ipv6"))
    for entry in ini.every(entries, "Network", "VLAN"):
        vlan = found.device(entry.value, "networkd", text.path)
        vlan.settings["parent"] = Setting(named.value, text.cite(entry.line))
    bridge = last("Network", "Bridge")
    if bridge is not None:
        found.port(named.value, bridge.value, "networkd", bridge)
    local, advertised = last("Network", "LinkLocalAddressing"), last("Network", "IPv6AcceptRA")
    quiet = local is not None and local.value.lower() in ("no", "false", "0", "off", "ipv4")
    if local is not None and quiet and (advertised is None or not advertised.is_on):
        device.settings["no-ipv6"] = local


def ifupdown(found: Devices, text: Text) -> None:
    """A file of ifupdown's stanzas."""
    device: NetDevice | None = None
    for number, raw in enumerate(text.lines, 1):
        words = raw.split()
        if not words or words[0].startswith("#"):
            continue
        setting = Setting(" ".join(words[1:]), text.cite(number))
        if words[0] == "iface" and len(words) >= 4:
            device = found.device(words[1], "ifupdown", text.path)
            _automatic(device, Setting(words[3], setting.evidence), ("dhcp", "auto"))
            _by_name(device, setting.evidence)
        elif words[0] in ("auto", "mapping", "source", "source-directory") or words[0].startswith("allow-"):
            device = None
        elif device is not None:
            _stanza(found, device, words[0].replace("-", "_"), setting)


def _stanza(found: Devices, device: NetDevice, key: str, setting: Setting) -> None:
    names = {"bridge_stp": "stp", "bridge_fd": "delay", "vlan_raw_device": "parent", "gateway": "gateway"}
    if key in names:
        device.settings[names[key]] = setting
    elif key == "address":
        device.addresses.append(setting)
    elif key == "vlan_id":
        _vlan(device, setting, "")
    elif key == "bridge_ports":
        device.settings["kind"] = Setting("bridge", setting.evidence)
        for port in setting.value.split():
            if port not in ("none", "all", "regex"):
                found.port(port, device.name, "ifupdown", setting)
                _by_name(found.found[port], setting.evidence)


def _by_name(device: NetDevice, evidence: Evidence) -> None:
    """ifupdown makes `eth0.19` a VLAN by its name alone, also where it is only named as a port of a bridge."""
    head, _, digits = device.name.rpartition(".")
    if head and digits.isdecimal() and "vlan" not in device.settings:
        _vlan(device, Setting(digits, evidence), head)


def _copy(device: NetDevice, given: Mapping[str, Setting], names: Mapping[str, str]) -> None:
    device.settings.update({names[key]: setting for key, setting in given.items() if key in names})


def _vlan(device: NetDevice, number: Setting, parent: str) -> None:
    device.settings["vlan"] = number
    if parent:
        device.settings.setdefault("parent", Setting(parent, number.evidence))


def _automatic(device: NetDevice, setting: Setting | None, words: tuple[str, ...]) -> None:
    """An address that comes from elsewhere counts as one."""
    if setting is not None and setting.value.lower() in words:
        device.addresses.append(setting)
