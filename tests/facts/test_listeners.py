"""What listens, as ss and the kernel tell it."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.host import Host, Unknown

SS = ("ss", "-H", "-l", "-n", "-p", "-t", "-u")
UNITS = ("systemctl", "list-sockets", "--all", "--no-legend", "--no-pager", "--full")
PRINTED = """\
udp   UNCONN 0      0       192.168.122.1:53         0.0.0.0:*    users:(("dnsmasq",pid=1102,fd=5))
udp   UNCONN 0      0      0.0.0.0%virbr0:67         0.0.0.0:*    users:(("dnsmasq",pid=1102,fd=3))
tcp   LISTEN 0      128           0.0.0.0:22         0.0.0.0:*    users:(("sshd",pid=801,fd=3))
tcp   LISTEN 0      1           127.0.0.1:5900       0.0.0.0:*    users:(("qemu-kvm",pid=4321,fd=33))
tcp   LISTEN 0      4096       127.0.0.53%lo:53      0.0.0.0:*
tcp   LISTEN 0      4096                *:16514            *:*    users:(("virtproxyd",pid=1,fd=7),("systemd",pid=1,fd=50))
tcp   LISTEN 0      128              [::]:22            [::]:*    users:(("sshd",pid=801,fd=4))
tcp   LISTEN 0      128   [fe80::1%eth0]:16509         [::]:*
"""  # noqa: E501
SOCKETS = """\
/run/libvirt/libvirt-sock virtproxyd.socket     virtproxyd.service
[::]:16514                virtproxyd-tls.socket virtproxyd.service
"""
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:170C 00000000:0000 0A 00000000:00000000 00:00000000 00000000   107        0 31337 1 0000
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 20011 1 0000
   2: 0A00020F:0016 0200020A:D5F6 01 00000000:00000000 02:0009C1C8 00000000     0        0 20500 2 0000
"""


def probed(host: Host) -> list[Listener]:
    return list(host.get(Listeners))


def test_ss_tells_address_reach_program_and_unit() -> None:
    host = made(commands={SS: PRINTED, UNITS: SOCKETS})
    told = [(each.name, each.where, each.reach, each.holder) for each in probed(host)]
    assert told == [
        ("udp/53", "192.168.122.1:53", "address", "dnsmasq"),
        ("udp/67", "0.0.0.0%virbr0:67", "device", "dnsmasq"),
        ("tcp/22", "0.0.0.0:22", "any", "sshd"),
        ("tcp/5900", "127.0.0.1:5900", "loopback", "qemu-kvm"),
        ("tcp/53", "127.0.0.53%lo:53", "loopback", "the kernel"),
        ("tcp/16514", "*:16514", "any", "virtproxyd-tls.socket"),
        ("tcp/22", "[::]:22", "any", "sshd"),
        ("tcp/16509", "[fe80::1%eth0]:16509", "address", "the kernel"),
    ]


def test_a_listener_is_found_by_its_port_with_its_own_row_as_evidence() -> None:
    (found,) = made(commands={SS: PRINTED}).get(Listeners).on(5900, 5901)
    assert found.local
    assert found.pids == (4321,)
    assert found.evidence.text.startswith("tcp LISTEN 0 1 127.0.0.1:5900")


@pytest.mark.parametrize("ss", [(255, "Cannot open netlink socket"), (255, ""), Unknown("ss hangs"), "?"])
def test_the_kernel_is_read_where_ss_does_not_answer(ss: str | tuple[int, str] | Unknown) -> None:
    host = made(commands={SS: ss}, files={"/proc/net/tcp": TCP, "/proc/net/udp": ""})
    assert [each.where for each in probed(host)] == ["127.0.0.1:5900", "0.0.0.0:22"]
    assert probed(host)[0].evidence.line == 2


def test_nothing_that_listens_is_an_answer_too() -> None:
    fact = made(commands={SS: ""}).get(Listeners)
    assert (list(fact), fact.evidence.text) == ([], "0 sockets")


@pytest.mark.parametrize(
    "files", [{}, {"/proc/net/tcp": TCP}, {"/proc/net/tcp": "a b c"}, {"/proc/net/tcp": Unknown("not collected")}]
)
def test_what_cannot_be_read_is_unknown(files: dict[str, str | bytes | Unknown]) -> None:
    with pytest.raises(Unknown):
        made(files=files).get(Listeners)
    with pytest.raises(Unknown):
        refusing().get(Listeners)


def test_who_does_not_see_the_first_process_cannot_tell_the_kernel_from_a_process() -> None:
    row = "tcp   LISTEN 0      64      0.0.0.0:2049    0.0.0.0:*\n"
    (found,) = probed(made(commands={SS: row}))
    assert (found.is_kernels, found.holder) == (False, "the kernel or a process that cannot be seen from here")
