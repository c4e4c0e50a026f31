"""Nothing listens for the network but what the site allows."""

from tests.kit import judge, made, refusing, results
from tests.nethost import LIBVIRT
from virtwarden.controls.tcb.listeners_allowed import CONTROL
from virtwarden.edits import Do, SetState
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.networks import Networks
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.host import Host, Unknown
from virtwarden.model import Evidence

NAT = (
    "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/>"
    "<ip address='192.168.122.1' netmask='255.255.255.0'/></network>"
)
NETWORKS = made(LIBVIRT, files={"/etc/libvirt/qemu/networks/default.xml": NAT}).get(Networks)
HERE = Evidence("a socket", argv=("ss",), code=0)


def host_of(
    *listeners: Listener, allowed: tuple[str, ...] = ("tcp/22",), networks: Networks | None = None
) -> Host:
    known = () if networks is None else (networks,)
    return made(Listeners(listeners, HERE), Policy(tcb=Tcb(allowed_listeners=allowed)), *known)


def test_a_port_that_is_not_allowed_fails_and_names_its_holder() -> None:
    cups = Listener("tcp", "0.0.0.0", 631, HERE, programs=("cupsd",))
    (finding,) = judge(CONTROL, host_of(cups))
    assert (finding.result, finding.subject.name) == ("fail", "cupsd")
    assert finding.message == "it listens on every address where the policy allows nothing: tcp 631"
    edit = finding.fix[0].edit
    assert isinstance(edit, Do)
    assert edit.steps.endswith("; or allow its ports in tcb.allowed_listeners of the policy")


def test_the_ports_of_one_program_are_one_finding_for_each_way_to_reach_it() -> None:
    mountd = [
        Listener(name, address, port, HERE, programs=("rpc.mountd",))
        for name, address, port in (("udp", "0.0.0.0", 20048), ("tcp", "::", 48123), ("tcp", "0.0.0.0", 20048))
    ]
    near = Listener("tcp", "10.0.0.1", 7, HERE, reach="address", programs=("rpc.mountd",))
    far, beside = judge(CONTROL, host_of(*mountd, near))
    ports = "tcp 20048, 48123; udp 20048"
    assert far.message == f"it listens on every address where the policy allows nothing: {ports}"
    assert (far.subject.name, len(far.evidence)) == ("rpc.mountd", 3)
    assert beside.message == "it listens on 10.0.0.1 where the policy allows nothing: tcp 7"


def test_the_fix_fits_the_kernels_sockets_and_those_of_guests() -> None:
    nfs = Listener("tcp", "::", 2049, HERE, is_kernels=True)
    console = Listener("tcp", "0.0.0.0", 5901, HERE, programs=("qemu-system-x86",))
    texts = [str(finding.fix[0].edit) for finding in judge(CONTROL, host_of(nfs, console))]
    assert "nfs-server" in texts[0]
    assert "UNIX sockets" in texts[1]


def test_a_socket_unit_is_disabled() -> None:
    rpcbind = Listener("udp", "::", 111, HERE, unit="rpcbind.socket")
    (finding,) = judge(CONTROL, host_of(rpcbind))
    assert (finding.fix[0].document.name, finding.fix[0].edit) == ("rpcbind.socket", SetState("disabled"))
    assert finding.fix[0].safety == "disruptive"


def test_allowed_ports_and_ranges_pass() -> None:
    ssh = Listener("tcp", "10.0.0.1", 22, HERE, reach="address", programs=("sshd",))
    console = Listener("tcp", "0.0.0.0", 5901, HERE, programs=("qemu-system-x86",))
    assert results(CONTROL, host_of(ssh, console, allowed=("tcp/22", "tcp/5900-5910"))) == ["pass", "pass"]


def test_the_protocol_counts() -> None:
    name = Listener("udp", "0.0.0.0", 22, HERE, programs=("x",))
    assert results(CONTROL, host_of(name, allowed=("tcp/22", "udp/20-21"))) == ["fail"]


def test_what_libvirt_needs_passes() -> None:
    needed = (
        Listener("udp", "0.0.0.0", 67, HERE, reach="device", device="virbr0", programs=("dnsmasq",)),
        Listener("tcp", "192.168.122.1", 53, HERE, reach="address", programs=("dnsmasq",)),
        Listener("tcp", "*", 16514, HERE, programs=("libvirtd",)),
        Listener("tcp", "::", 16514, HERE, unit="virtproxyd-tls.socket"),
        Listener("tcp", "::", 49152, HERE, programs=("qemu-kvm",)),
    )
    assert results(CONTROL, host_of(*needed, networks=NETWORKS)) == ["pass"] * 5


def test_a_name_server_passes_on_libvirts_own_networks_alone() -> None:
    strange = Listener("udp", "192.0.2.9", 53, HERE, reach="address", programs=("dnsmasq",))
    assert results(CONTROL, host_of(strange, networks=NETWORKS)) == ["fail"]
    assert results(CONTROL, host_of(strange)) == ["fail"]
    for unsure in (Networks(unread=(HERE,)), Networks(liveness="denied")):
        assert results(CONTROL, host_of(strange, networks=unsure)) == ["pass"]
    refused = made(LIBVIRT, Listeners((strange,), HERE), files={"/etc/libvirt/qemu/networks/*.xml": Unknown("no")})
    assert results(CONTROL, refused) == ["pass"]


def test_a_name_server_for_every_network_and_strangers_on_libvirts_ports_fail() -> None:
    wrong = (
        Listener("udp", "0.0.0.0", 53, HERE, programs=("dnsmasq",)),
        Listener("tcp", "0.0.0.0", 16514, HERE, programs=("nc",)),
        Listener("tcp", "0.0.0.0", 49152, HERE, programs=("nc",)),
        Listener("tcp", "0.0.0.0", 16509, HERE, programs=("libvirtd",)),
    )
    assert results(CONTROL, host_of(*wrong)) == ["fail"] * 3


def test_a_name_server_whose_process_cannot_be_seen_is_unknown() -> None:
    assert results(CONTROL, host_of(Listener("tcp", "192.168.122.1", 53, HERE, reach="address"))) == ["unknown"]


def test_sockets_for_this_host_alone_pass() -> None:
    (finding,) = judge(CONTROL, host_of(Listener("tcp", "127.0.0.1", 631, HERE, reach="loopback")))
    assert (finding.result, finding.evidence) == ("pass", (HERE,))


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
