"""What listens on a host: the table that `ss` prints, and the kernel's own under /proc/net.

Both become the same rows. Only `ss`, asked with `-p`, knows the processes; only /proc/net knows the inode, by
which a socket can be found among the open files of a process.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Literal

from virtwarden.formats import Malformed

Address = IPv4Address | IPv6Address

_PROCESS = re.compile(
    r'\("(?P<name>.{0,64}?)",(?:pid=)?(?P<pid>\d{1,10})(?:,proc_ctx=[^,()]*)?,(?:fd=)?(?P<fd>\d{1,10})'
)
_PROTOCOL = re.compile(
    r"(?:tcp|udp|udpl|udplite|sctp|dccp|mptcp|raw|icmp|icmp6|p_raw|p_dgr|u_str|u_dgr|u_seq|nl|v_str|xdp)\Z"
)
_STATES = {0x01: "ESTAB", 0x02: "SYN-SENT", 0x03: "SYN-RECV", 0x04: "FIN-WAIT-1", 0x05: "FIN-WAIT-2"}
_STATES |= {0x06: "TIME-WAIT", 0x07: "UNCONN", 0x08: "CLOSE-WAIT", 0x09: "LAST-ACK", 0x0A: "LISTEN"}
_STATES |= {0x0B: "CLOSING"}


@dataclass(frozen=True, slots=True)
class Process:
    """A process that holds a socket, with the number of its descriptor. The name is the process's own choice."""

    name: str
    pid: int
    fd: int


@dataclass(frozen=True, slots=True)
class Socket:
    """One socket. `address` is None where it is bound to every address of both families (`*`) or to none;
    `port` is None where the protocol has no ports or none is bound; `interface` is the one it is bound to."""

    protocol: str
    state: str
    address: Address | None
    port: int | None
    interface: str | None
    processes: tuple[Process, ...]
    line: int
    local: str = ""
    uid: int | None = None
    inode: int | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this host itself can reach it by its address."""
        if isinstance(self.address, IPv6Address) and self.address.ipv4_mapped is not None:
            return self.address.ipv4_mapped.is_loopback
        return self.address is not None and self.address.is_loopback

    @property
    def is_any(self) -> bool:
        """Whether it listens on every address."""
        if isinstance(self.address, IPv6Address) and self.address.ipv4_mapped is not None:
            return self.address.ipv4_mapped.is_unspecified
        return self.address is None or self.address.is_unspecified

    @property
    def listens(self) -> bool:
        """Whether it takes what comes: a listening stream, or a datagram socket without a peer."""
        return self.state in ("LISTEN", "UNCONN")


def ss(text: str) -> tuple[Socket, ...]:
    """The rows that `ss -H -l -n -p` prints for one or more kinds of socket; a heading is passed over."""
    return tuple(
        _ss_row(line, number)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip() and not line.startswith(("Netid", "State"))
    )


def _ss_row(line: str, number: int) -> Socket:
    fields = line.split(None, 6)
    if fields and not _PROTOCOL.match(fields[0]):
        fields = ["tcp", *line.split(None, 5)]
    if len(fields) < 6 or not (fields[2].isdigit() and fields[3].isdigit()):
        raise Malformed("expected a row of ss", number)
    protocol, state, _, _, local = fields[:5]
    rest = fields[6] if len(fields) > 6 else ""
    address, interface, port = _local(local, number)
    processes = tuple(
        Process(found["name"], int(found["pid"]), int(found["fd"])) for found in _PROCESS.finditer(rest)
    )
    return Socket(protocol, state, address, port, interface, processes, number, local)


def _local(text: str, line: int) -> tuple[Address | None, str | None, int | None]:
    host, colon, port = text.rpartition(":")
    if not colon:
        raise Malformed("expected an address and a port", line)
    host, _, interface = host.partition("%")
    interface = interface.removesuffix("]")
    host = host.removeprefix("[").removesuffix("]")
    number = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else None
    return _address(host), interface or None, number


def _address(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def proc_net(
    text: str, protocol: Literal["tcp", "udp", "raw"], byteorder: Literal["little", "big"] = "little"
) -> tuple[Socket, ...]:
    """The rows of /proc/net/tcp, tcp6, udp, udp6, raw or raw6, which write addresses in the host's byte order."""
    return tuple(
        _proc_row(fields, protocol, byteorder, number)
        for number, fields in enumerate(map(str.split, text.split("\n")), 1)
        if fields and fields[0] != "sl"
    )


def _proc_row(fields: list[str], protocol: str, byteorder: Literal["little", "big"], line: int) -> Socket:
    try:
        local, state, uid, inode = fields[1], int(fields[3], 16), int(fields[7]), int(fields[9])
        host, port = local.split(":")
        address, number = _kernel_address(host, byteorder), int(port, 16)
    except (IndexError, ValueError):
        raise Malformed("expected a row of the kernel's socket table", line) from None
    word = _STATES.get(state, f"{state:02X}")
    bound = None if protocol == "raw" else number
    return Socket(protocol, word, address, bound, None, (), line, local, uid, inode)


def _kernel_address(text: str, byteorder: Literal["little", "big"]) -> Address:
    if len(text) == 8:
        return IPv4Address(int.from_bytes(bytes.fromhex(text), byteorder))
    if len(text) != 32:
        raise ValueError(text)
    return IPv6Address(b"".join(_words(bytes.fromhex(text), byteorder)))


def _words(data: bytes, byteorder: Literal["little", "big"]) -> Iterator[bytes]:
    for at in range(0, len(data), 4):
        yield int.from_bytes(data[at : at + 4], byteorder).to_bytes(4, "big")
