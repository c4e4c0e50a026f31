"""Where to knock: a socket on every address stands for one on each, of which one is tried."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from virtwarden.lab import Endpoint, Impossible, Prober

_EVERY_OLD, _EVERY_NEW = "0.0.0.0", ("::", "[::]")  # noqa: S104  # what is listened on, not by us
_EVERY = ("*", "", _EVERY_OLD, *_EVERY_NEW)


def is_loopback(address: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def own_addresses(prober: Prober) -> tuple[str, ...]:
    """This machine's own. Raises `Impossible` where none is known."""
    found = prober.addresses()
    if not found:
        raise Impossible("this machine has no address that is known")
    return found


def spread(prober: Prober, listened: Iterable[tuple[str, int]]) -> tuple[Endpoint, ...]:
    """The places to try for these addresses and ports, each once. What listens on every address is tried where others
    reach it, and on the loopback only if they do not. Raises `Impossible`."""
    found = [(Endpoint(concrete(prober, address), port), address in _EVERY) for address, port in listened]
    far = {at.port for at, _ in found if not is_loopback(at.address)}
    wanted = (at for at, every in found if not (every and is_loopback(at.address) and at.port in far))
    return tuple(dict.fromkeys(wanted))


def concrete(prober: Prober, address: str) -> str:
    """An address to connect to: for every address, one that others reach, if there is one. Raises `Impossible`."""
    if address not in _EVERY:
        return address.strip("[]")
    own = own_addresses(prober)
    fitting = [each for each in own if _fits(each, address)] or list(own)
    return next((each for each in fitting if not is_loopback(each)), fitting[0])


def _fits(own: str, every: str) -> bool:
    """Whether what listens on every address of this kind is reached at this one."""
    if every == _EVERY_OLD:
        return ":" not in own
    return ":" in own if every in _EVERY_NEW else True
