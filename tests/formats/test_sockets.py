"""Tables of sockets, read from texts and from sockets that are really open."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import PROC_NET, SS
from virtwarden.formats import Malformed, sockets
from virtwarden.formats.sockets import Process, Socket

Row = tuple[str, str, str | None, int | None, str | None]


def brief(row: Socket) -> Row:
    address = None if row.address is None else str(row.address)
    return row.protocol, row.state, address, row.port, row.interface


def test_what_ss_prints() -> None:
    resolved, ssh, vnc = sockets.ss(SS)
    assert brief(resolved) == ("udp", "UNCONN", "127.0.0.53", 53, "lo")
    assert brief(ssh) == ("tcp", "LISTEN", "::", 22, None)
    assert ssh.processes == (Process("sshd", 80, 4), Process("init", 1, 9))
    assert vnc.processes == (Process('a " b', 7, 1),)
    assert [row.line for row in (resolved, ssh, vnc)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("tcp LISTEN 0 4096 *:9090 *:*", ("tcp", "LISTEN", None, 9090, None)),
        ("tcp LISTEN 0 128 :::22 :::*", ("tcp", "LISTEN", "::", 22, None)),
        ("LISTEN 0 128 0.0.0.0:22 0.0.0.0:*", ("tcp", "LISTEN", "0.0.0.0", 22, None)),
        ("udp UNCONN 0 0 [fe80::1]%eth0:546 [::]:*", ("udp", "UNCONN", "fe80::1", 546, "eth0")),
        ("udp UNCONN 0 0 [fe80::1%br0]:546 [::]:*", ("udp", "UNCONN", "fe80::1", 546, "br0")),
        ("tcp LISTEN 0 1 [::ffff:127.0.0.1]:5900 *:*", ("tcp", "LISTEN", "::ffff:7f00:1", 5900, None)),
        ("udp UNCONN 0 0 0.0.0.0%virbr0:67 0.0.0.0:*", ("udp", "UNCONN", "0.0.0.0", 67, "virbr0")),
        ("raw UNCONN 0 0 0.0.0.0:icmp 0.0.0.0:*", ("raw", "UNCONN", "0.0.0.0", None, None)),
        ("p_raw UNCONN 0 0 [35020]:eth0 *", ("p_raw", "UNCONN", None, None, None)),
        ("udp ESTAB 0 0 192.0.2.1:68 192.0.2.2:67", ("udp", "ESTAB", "192.0.2.1", 68, None)),
    ],
)
def test_the_address_forms_of_ss(line: str, row: Row) -> None:
    (found,) = sockets.ss(f"{line}\n")
    expected = None if row[2] is None else str(ip_address(row[2]))
    assert brief(found) == (row[0], row[1], expected, row[3], row[4])


def test_the_processes_as_rhel_6_shows_them() -> None:
    (row,) = sockets.ss('LISTEN 0 128 :::22 :::* users:(("sshd",1552,4),("systemd",1,9))')
    assert row.processes == (Process("sshd", 1552, 4), Process("systemd", 1, 9))


def test_a_heading_and_empty_lines_are_passed_over() -> None:
    assert sockets.ss("Netid State Recv-Q Send-Q Local Address:Port\n\n") == ()
    assert sockets.ss("State Recv-Q Send-Q Local Address:Port\n") == ()


@pytest.mark.parametrize(
    "text", ["nonsense\n", "tcp LISTEN 0 128\n", "tcp LISTEN a b x:1 y:2\n", "tcp LISTEN 0 0 x y\n"]
)
def test_a_line_that_is_no_row_of_ss_is_malformed(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        sockets.ss("tcp LISTEN 0 128 0.0.0.0:22 0.0.0.0:*\n" + text)
    assert refused.value.line == 2


@pytest.mark.parametrize(
    ("address", "loopback", "everywhere"),
    [
        ("127.0.0.1", True, False),
        ("127.8.8.8", True, False),
        ("[::1]", True, False),
        ("[::ffff:127.0.0.1]", True, False),
        ("0.0.0.0", False, True),
        ("[::]", False, True),
        ("[::ffff:0.0.0.0]", False, True),
        ("*", False, True),
        ("192.0.2.1", False, False),
        ("[fe80::1]", False, False),
    ],
)
def test_whether_only_this_host_or_everybody_can_reach_it(address: str, loopback: bool, everywhere: bool) -> None:
    (row,) = sockets.ss(f"tcp LISTEN 0 1 {address}:1 *:*\n")
    assert (row.is_loopback, row.is_any) == (loopback, everywhere)


def test_the_kernel_s_own_table() -> None:
    first, second = sockets.proc_net(PROC_NET, "tcp")
    assert brief(first) == ("tcp", "LISTEN", "127.0.0.1", 5900, None)
    assert (first.uid, first.inode, first.line) == (107, 31337, 2)
    assert first.listens
    assert brief(second) == ("tcp", "LISTEN", "::1", 22, None)
    assert second.is_loopback


def test_a_host_of_the_other_byte_order_writes_the_other_way() -> None:
    rest = "0:0 0:0 0 0 0 1"
    text = f"0: 7F000001:0016 0:0 01 {rest}\n0: {'0' * 31}1:0016 0:0 0B {rest}\n"
    first, second = sockets.proc_net(text, "tcp", "big")
    assert (str(first.address), first.state) == ("127.0.0.1", "ESTAB")
    assert (str(second.address), second.state) == ("::1", "CLOSING")
    assert not first.listens


@pytest.mark.parametrize(
    "row",
    [
        "0: 0100007F 0:0 0A 0:0 0:0 0 0 0 1",
        "0: 0100:0016 0:0 0A 0:0 0:0 0 0 0 1",
        "0: ZZ00007F:0016 0:0 0A 0:0 0:0 0 0 0 1",
        "0: 0100007F:0016 0:0 0A 0:0 0:0 0 0 0",
        "0: 0100007F:0016 0:0 state 0:0 0:0 0 0 0 1",
        "0: 0100007F:0016 0:0 0A 0:0 0:0 0 " + "9" * 5000 + " 0 1",
    ],
)
def test_a_row_that_is_none_of_the_kernel_s_is_malformed(row: str) -> None:
    with pytest.raises(Malformed) as refused:
        sockets.proc_net(f"  sl  local_address\n{row}\n", "tcp")
    assert refused.value.line == 2


@given(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(0, 65535),
    st.sampled_from(["little", "big"]),
)
def test_an_address_comes_back_from_the_kernel_s_form(
    address: IPv4Address | IPv6Address, port: int, order: Literal["little", "big"]
) -> None:
    words = [address.packed[at : at + 4] for at in range(0, len(address.packed), 4)]
    written = "".join(f"{int.from_bytes(word, order):08X}" for word in words)
    (row,) = sockets.proc_net(f"0: {written}:{port:04X} 0:0 07 0:0 0:0 0 0 0 1\n", "udp", order)
    assert (row.address, row.port, row.state) == (address, port, "UNCONN")


@pytest.fixture
def really_open() -> Iterator[set[tuple[str, str, int]]]:
    """Sockets of this process: their protocol, address and port."""
    with ExitStack() as stack:
        found: set[tuple[str, str, int]] = set()
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"), (socket.AF_INET6, "::")):
            for kind, name in ((socket.SOCK_STREAM, "tcp"), (socket.SOCK_DGRAM, "udp")):
                try:
                    opened = stack.enter_context(socket.socket(family, kind))
                    opened.bind((address, 0))
                except OSError:
                    continue  # no IPv6 here
                if kind == socket.SOCK_STREAM:
                    opened.listen()
                found.add((name, address, opened.getsockname()[1]))
        yield found


def test_ss_shows_the_sockets_that_are_open(really_open: set[tuple[str, str, int]]) -> None:
    program = shutil.which("ss")
    if program is None:
        pytest.skip("there is no ss to ask")
    printed = subprocess.run(
        [program, "-H", "-l", "-n", "-p", "-t", "-u"], capture_output=True, text=True, check=True
    )
    rows = sockets.ss(printed.stdout)
    mine = {row for row in rows if os.getpid() in {process.pid for process in row.processes}}
    assert {
        (row.protocol, "::" if row.address is None else str(row.address), row.port) for row in mine
    } == really_open
    assert all(row.listens for row in rows)


def test_the_kernel_shows_the_sockets_that_are_open(really_open: set[tuple[str, str, int]]) -> None:
    rows: set[tuple[str, str, int | None]] = set()
    for protocol in ("tcp", "udp"):
        for suffix in ("", "6"):
            table = Path(f"/proc/net/{protocol}{suffix}")
            if table.exists():
                found = sockets.proc_net(table.read_text(), "tcp" if protocol == "tcp" else "udp")
                rows |= {(row.protocol, str(row.address), row.port) for row in found if row.listens}
    assert really_open <= rows
