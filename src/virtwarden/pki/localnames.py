"""The names and addresses of this host that others dial: not its loopback, not what guests alone see."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterable
from ipaddress import ip_address

_INWARD = ("virbr", "vnet", "veth", "docker", "br-", "tap", "lxcbr", "cni", "podman")
_NO_NAMES = ("localhost", "localhost.localdomain", "ip6-localhost", "localhost6")
_SECONDS = 10


def local_names() -> tuple[str, ...]:
    """The full name first, then the short one, then addresses."""
    short = socket.gethostname()
    full = socket.getfqdn(short)
    found = (name for name in (full, short) if name and name.lower() not in _NO_NAMES)
    return tuple(dict.fromkeys((*found, *_addresses())))


def addresses_in(listed: Iterable[object]) -> tuple[str, ...]:
    """The addresses in what `ip -json address` lists that others can dial."""
    return tuple(
        str(local["local"])
        for link in listed
        if isinstance(link, dict) and not str(link.get("ifname", "")).startswith(_INWARD)
        for local in link.get("addr_info", ())
        if isinstance(local, dict) and not local.get("temporary") and _is_dialled(str(local.get("local", "")))
    )


def _is_dialled(text: str) -> bool:
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)


def _addresses() -> tuple[str, ...]:
    try:
        done = subprocess.run(
            ("ip", "-json", "address"),
            capture_output=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS,
        )
        listed = json.loads(done.stdout or b"[]")
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return ()
    return addresses_in(listed if isinstance(listed, list) else ())
