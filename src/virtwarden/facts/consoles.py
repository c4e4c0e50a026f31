"""Where a guest's consoles can be reached, and how its process guards them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import pairwise
from typing import Literal

from virtwarden.facts.domain import Console
from virtwarden.facts.processes import GuestProcess
from virtwarden.facts.qemu_conf import QemuConf

Reach = Literal["none", "socket", "loopback", "address", "any"]

LISTENING = ("vnc", "spice", "rdp")
"""The kinds that viewers connect to; the others are windows on the host, or nowhere."""

_FLAG = re.compile(r"(?P<name>[a-z0-9-]+)(?:=(?P<value>.*))?\Z", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    """One place where a console listens. `key` names the setting of qemu.conf that decided, if one did."""

    reach: Reach
    address: str = ""
    key: str | None = None

    @property
    def beyond(self) -> bool:
        """Whether others than this host can reach it."""
        return self.reach in ("address", "any")


def places(console: Console, conf: QemuConf) -> Iterator[Place]:
    """Where a console listens, by its XML and by qemu.conf where the XML leaves it open."""
    for listen in console.listens:
        if listen.kind == "none" or console.kind not in LISTENING:
            yield Place("none")
        elif listen.kind == "socket":
            yield Place("socket", listen.address or "")
        elif listen.address:
            key = f"{console.kind}_listen" if listen.by_conf else None
            yield Place(reach_of(listen.address), listen.address, key)
        elif listen.kind == "network":
            yield Place("address", "the address of a libvirt network")
        elif getattr(conf, f"{console.kind}_auto_unix_socket", False):
            yield Place("socket", "", f"{console.kind}_auto_unix_socket")
        else:
            address = str(getattr(conf, f"{console.kind}_listen", "127.0.0.1"))
            yield Place(reach_of(address), address, f"{console.kind}_listen")


def reach_of(address: str) -> Reach:
    """How far an address that something listens on can be reached; a name other than localhost counts as far."""
    if address in ("localhost", "localhost.localdomain", "ip6-localhost"):
        return "loopback"
    if address == "*":
        return "any"
    try:
        parsed = ip_address(address.strip("[]"))
    except ValueError:
        return "address"
    if parsed.is_unspecified:
        return "any"
    return "loopback" if parsed.is_loopback else "address"


@dataclass(frozen=True, slots=True)
class Guard:
    """What a console asks of who connects. A VNC `password` has eight characters at most."""

    tls: bool
    certificate: bool
    sasl: bool
    password: bool = False

    @property
    def authenticates(self) -> bool:
        """Whether it is known who connects, by certificate or by a log-in."""
        return self.sasl or (self.tls and self.certificate)


def vnc_as_configured(console: Console, conf: QemuConf) -> Guard:
    """How VNC is guarded of guests that start now."""
    password = console.has_password or bool(conf.vnc_password)
    return Guard(conf.vnc_tls, conf.vnc_tls and conf.vnc_verifies, conf.vnc_sasl, password)


def vnc_in_force(process: GuestProcess) -> tuple[Guard, str] | None:
    """How VNC is guarded of a running guest, with the argument that says so; None where there is none. Raises
    `Unknown`."""
    value = _argument(process.argv, "-vnc")
    if value is None:
        return None
    flags = _flags(value)
    credentials = flags.get("tls-creds")
    if credentials is None:
        return Guard("tls" in flags, "x509verify" in flags, _on(flags, "sasl"), _on(flags, "password")), value
    verifies = _verifies(process.argv, credentials)
    return Guard(True, verifies, _on(flags, "sasl"), _on(flags, "password")), value


def spice_in_force(process: GuestProcess) -> tuple[str, str] | None:
    """What SPICE of a running guest asks of who connects, empty for nothing, with the argument that says so; None
    where there is none. Raises `Unknown`."""
    value = _argument(process.argv, "-spice")
    if value is None:
        return None
    flags = _flags(value)
    open_to_all = _on(flags, "disable-ticketing")
    return "a log-in" if _on(flags, "sasl") else "" if open_to_all else "a password", value


def _argument(argv: tuple[str, ...], option: str) -> str | None:
    return next((value for word, value in pairwise(argv) if word == option), None)


def _flags(value: str) -> dict[str, str | None]:
    matches = (_FLAG.match(part) for part in value.split(","))
    return {found["name"]: found["value"] for found in matches if found is not None}


def _on(flags: dict[str, str | None], name: str) -> bool:
    return name in flags and flags[name] in (None, "", "on", "yes")


def _verifies(argv: tuple[str, ...], credentials: str) -> bool:
    """Whether these TLS credentials ask the other side for a certificate; QEMU does so unless told not to."""
    for word, value in pairwise(argv):
        if word != "-object" or "tls-creds-x509" not in value:
            continue
        options = _object(value)
        if options.get("id") == credentials:
            return options.get("verify-peer", True) in (True, "on", "yes", "true")
    return False


def _object(text: str) -> dict[str, object]:
    if text.startswith("{"):
        try:
            parsed = json.loads(text)
        except ValueError:
            return {}
        return parsed if isinstance(parsed, dict) else {}
    pairs = (part.partition("=") for part in text.split(",")[1:])
    return {name: value for name, _, value in pairs}
