"""This machine's own addresses, and whether a probe reaches them."""

from __future__ import annotations

import re
import socket
from ipaddress import ip_address

from virtwarden.host import Absent, Unknown
from virtwarden.lab import Endpoint, Impossible, Met, Reached
from virtwarden.labs.probes.wire import Cut, dial
from virtwarden.sources.process import run

_IP = ("ip", "-oneline", "address", "show")
_ADDRESS = re.compile(r"\binet6? ([0-9a-fA-F.:]+)")


def own() -> tuple[str, ...]:
    """All of them, those that only this machine and its cables know left out. Raises `Impossible`."""
    try:
        output = run(_IP)
    except (Absent, Unknown) as refused:
        raise Impossible(f"this machine's addresses cannot be had: {refused}") from None
    if output.code != 0:
        raise Impossible(f"this machine's addresses cannot be had: {output.cite().text}")
    return listed(output.stdout)


def listed(text: str) -> tuple[str, ...]:
    """The addresses in the words of `ip -oneline address`."""
    found = dict.fromkeys(_ADDRESS.findall(text))
    return tuple(each for each in found if not _is_near(each))


def reached(address: str, patience: float) -> Met:
    """Connect to a port of our own there, which nobody else knows of."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as ear:
            ear.bind((address, 0))
            ear.listen(1)
            with dial(Endpoint(address, ear.getsockname()[1]), patience):
                return Met(Reached.CONNECTED, "a port of our own there was reached")
    except Cut as cut:
        return Met(Reached.NOWHERE, str(cut), cut.silent)
    except OSError as wrong:
        return Met(Reached.NOWHERE, (wrong.strerror or str(wrong)).lower())


def _is_near(address: str) -> bool:
    try:
        return ip_address(address).is_link_local
    except ValueError:
        return True
