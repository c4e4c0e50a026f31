"""Nothing listens for the network but what the site allows."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.listeners_allowed import CONTROL
from virtwarden.edits import Do, SetState
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.host import Host
from virtwarden.model import Evidence

HERE = Evidence("a socket", argv=("ss",), code=0)


def host_of(*listeners: Listener, allowed: tuple[str, ...] = ("tcp/22",)) -> Host:
    return made(Listeners(listeners, HERE), Policy(tcb=Tcb(allowed_listeners=allowed)))


def test_a_port_that_is_not_allowed_fails_and_names_its_holder() -> None:
    cups = Listener("tcp", "0.0.0.0", 631, HERE, programs=("cupsd",))
    (finding,) = judge(CONTROL, host_of(cups))
    assert (finding.result, finding.subject.name) == ("fail", "tcp 0.0.0.0:631")
    assert finding.message == "cupsd listens on 0.0.0.0:631, which the policy does not allow"
    assert isinstance(finding.fix[0].edit, Do)


def test_a_socket_unit_is_disabled() -> None:
    rpcbind = Listener("udp", "::", 111, HERE, unit="rpcbind.socket")
    (finding,) = judge(CONTROL, host_of(rpcbind))
    assert (finding.fix[0].document.name, finding.fix[0].edit) == ("rpcbind.socket", SetState("disabled"))


def test_allowed_ports_and_ranges_pass() -> None:
    ssh = Listener("tcp", "10.0.0.1", 22, HERE, reach="address", programs=("sshd",))
    console = Listener("tcp", "0.0.0.0", 5901, HERE, programs=("qemu-system-x86",))
    assert results(CONTROL, host_of(ssh, console, allowed=("tcp/22", "tcp/5900-5910"))) == ["pass", "pass"]


def test_the_protocol_counts_and_nonsense_in_the_policy_allows_nothing() -> None:
    name = Listener("udp", "0.0.0.0", 22, HERE, programs=("x",))
    assert results(CONTROL, host_of(name, allowed=("tcp/22", "udp/ssh", "udp/20-", "udp"))) == ["fail"]


def test_what_libvirt_needs_passes() -> None:
    needed = (
        Listener("udp", "0.0.0.0", 67, HERE, reach="device", device="virbr0", programs=("dnsmasq",)),
        Listener("tcp", "192.168.122.1", 53, HERE, reach="address", programs=("dnsmasq",)),
        Listener("tcp", "*", 16514, HERE, programs=("libvirtd",)),
        Listener("tcp", "::", 16514, HERE, unit="virtproxyd-tls.socket"),
        Listener("tcp", "::", 49152, HERE, programs=("qemu-kvm",)),
    )
    assert results(CONTROL, host_of(*needed)) == ["pass"] * 5


def test_a_name_server_for_every_network_and_strangers_on_libvirts_ports_fail() -> None:
    wrong = (
        Listener("udp", "0.0.0.0", 53, HERE, programs=("dnsmasq",)),
        Listener("tcp", "0.0.0.0", 16514, HERE, programs=("nc",)),
        Listener("tcp", "0.0.0.0", 49152, HERE, programs=("nc",)),
        Listener("tcp", "0.0.0.0", 16509, HERE, programs=("libvirtd",)),
    )
    assert results(CONTROL, host_of(*wrong)) == ["fail"] * 4


def test_a_name_server_whose_process_cannot_be_seen_is_unknown() -> None:
    assert results(CONTROL, host_of(Listener("tcp", "192.168.122.1", 53, HERE, reach="address"))) == ["unknown"]


def test_sockets_for_this_host_alone_pass() -> None:
    (finding,) = judge(CONTROL, host_of(Listener("tcp", "127.0.0.1", 631, HERE, reach="loopback")))
    assert (finding.result, finding.evidence) == ("pass", (HERE,))


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
