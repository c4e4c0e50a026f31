"""What listens on the host: each TCP and UDP socket, who holds it and how far it can be reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from virtwarden.formats import Malformed, sockets
from virtwarden.host import Absent, Host, Source, Unknown, Want, reading, running
from virtwarden.model import Evidence

_SS = ("ss", "-H", "-l", "-n", "-p", "-t", "-u")
_UNITS = ("systemctl", "list-sockets", "--all", "--no-legend", "--no-pager", "--full")
_TABLES: tuple[tuple[str, Literal["tcp", "udp"]], ...] = (
    ("/proc/net/tcp", "tcp"),
    ("/proc/net/tcp6", "tcp"),
    ("/proc/net/udp", "udp"),
    ("/proc/net/udp6", "udp"),
)

Reach = Literal["loopback", "device", "address", "any"]


@dataclass(frozen=True, slots=True)
class Listener:
    """One socket that takes what comes.

    `reach` is how far it can be reached: on this host alone, on one network device, on one address, or on
    every address. `programs` are the names of the processes that hold it, empty where they may not be seen or
    where it is the kernel's own (`is_kernels`); `unit` is the systemd socket unit that opened it.
    """

    protocol: str
    address: str
    port: int
    evidence: Evidence
    reach: Reach = "any"
    device: str | None = None
    programs: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    unit: str | None = None
    is_kernels: bool = False

    @property
    def name(self) -> str:
        """Protocol and port, as a policy names them: `tcp/16514`."""
        return f"{self.protocol}/{self.port}"

    @property
    def where(self) -> str:
        """Address and port as a reader writes them: `0.0.0.0:22`, `[::]:22`, `0.0.0.0%virbr0:67`."""
        return _where(self.address, self.device, self.port)

    @property
    def scope(self) -> str:
        """How far it can be reached, in words that follow `listens on`."""
        if self.reach == "device" and self.device:
            return self.device
        return {"any": "every address", "loopback": "this host alone"}.get(self.reach, self.address)

    @property
    def holder(self) -> str:
        """Who holds it, as far as that can be seen: the unit, else the programs."""
        unseen = "the kernel" if self.is_kernels else "the kernel or a process that cannot be seen from here"
        return self.unit or ", ".join(self.programs) or unseen

    @property
    def local(self) -> bool:
        """Whether this host alone can reach it."""
        return self.reach == "loopback"


@dataclass(frozen=True, slots=True)
class Listeners:
    """All of them, and the answer that says that there are no others."""

    listeners: tuple[Listener, ...]
    evidence: Evidence

    wants: ClassVar[tuple[Want, ...]] = (
        running(*_SS),
        running(*_UNITS),
        *(reading(path) for path, _ in _TABLES),
    )

    def __iter__(self) -> Iterator[Listener]:
        return iter(self.listeners)

    def on(self, *ports: int, protocol: str = "tcp") -> tuple[Listener, ...]:
        """Those on these ports."""
        return tuple(found for found in self.listeners if found.protocol == protocol and found.port in ports)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask ss; read the kernel's tables where it is not installed or does not answer."""
        rows, answer = _from_ss(host.source) or _from_kernel(host.source)
        units = _units(host.source)
        found = [_listener(row, cited, units) for row, cited in rows if row.listens and row.port is not None]
        if any(1 in listener.pids for listener in found):
            # Who sees what the first process holds sees every process: what is left is the kernel's, as NFS is.
            found = [replace(listener, is_kernels=not listener.pids) for listener in found]
        return cls(tuple(found), answer)


_Rows = list[tuple[sockets.Socket, Evidence]]


def _from_ss(source: Source) -> tuple[_Rows, Evidence] | None:
    try:
        output = source.run(*_SS)
        found = sockets.ss(output.stdout)
    except (Absent, Unknown, Malformed):
        return None
    if output.code != 0:
        return None
    lines = output.stdout.split("\n")
    rows = [
        (row, output.cite(" ".join(lines[row.line - 1].split())))
        for row in found
        if row.protocol in ("tcp", "udp")
    ]
    return rows, output.cite(f"{len(rows)} sockets")


def _from_kernel(source: Source) -> tuple[_Rows, Evidence]:
    rows: _Rows = []
    read: list[Evidence] = []
    for path, protocol in _TABLES:
        try:
            text = source.read(path)
        except Absent:
            if path.endswith("6"):
                continue  # a kernel without IPv6 has no such table
            raise Unknown(f"what listens: ss does not answer and there is no {path}") from None
        try:
            rows.extend((row, text.cite(row.line)) for row in sockets.proc_net(text.text, protocol))
        except Malformed as wrong:
            raise Unknown(f"{path}: {wrong}", text.cite(wrong.line or None)) from None
        read.append(text.cite(text="the kernel's table of sockets"))
    return rows, read[0]


def _listener(row: sockets.Socket, evidence: Evidence, units: Mapping[str, str]) -> Listener:
    address = "*" if row.address is None else str(row.address)
    where = _where("::" if address == "*" else address, None, row.port or 0)
    return Listener(
        protocol=row.protocol,
        address=address,
        port=row.port or 0,
        evidence=evidence,
        reach=_reach(row),
        device=row.interface,
        programs=tuple(dict.fromkeys(process.name for process in row.processes)),
        pids=tuple(dict.fromkeys(process.pid for process in row.processes)),
        unit=units.get(where),
    )


def _reach(row: sockets.Socket) -> Reach:
    if row.is_loopback or row.interface == "lo":
        return "loopback"
    if row.is_any:
        return "device" if row.interface else "any"
    return "address"


def _where(address: str, device: str | None, port: int) -> str:
    scoped = f"{address}%{device}" if device else address
    return f"[{scoped}]:{port}" if ":" in address else f"{scoped}:{port}"


def _units(source: Source) -> dict[str, str]:
    """The socket unit for each address and port that systemd listens on; none where it cannot be asked."""
    try:
        output = source.run(*_UNITS)
    except (Absent, Unknown):
        return {}
    rows = [line.split() for line in output.stdout.splitlines()]
    return {row[0]: row[1] for row in rows if len(row) > 1 and row[1].endswith(".socket")}
