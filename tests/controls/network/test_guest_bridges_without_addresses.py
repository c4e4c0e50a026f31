"""The host has no address on the bridges of its guests, not even a link-local one."""

from tests.kit import guests, judge, results
from tests.nethost import SYSCTL, bridge, nethost, tap
from virtwarden.controls.network.guest_bridges_without_addresses import CONTROL
from virtwarden.edits import Do, SetLine
from virtwarden.host import Unknown
from virtwarden.model import Finding, State

LOCAL = "inet6 fe80::1/64 scope link "
OFF = "net.ipv6.conf.br0.disable_ipv6 = 1\nnet.ipv6.conf.br0.addr_gen_mode = 0\nnet.ipv6.conf.br0.accept_ra = 1\n"
ON = OFF.replace("disable_ipv6 = 1", "disable_ipv6 = 0")
QUIET = ON.replace("addr_gen_mode = 0", "addr_gen_mode = 1").replace("accept_ra = 1", "accept_ra = 0")
SCRIPT = "/etc/sysconfig/network-scripts/ifcfg-br0"
NAT = (
    "<network><name>default</name><forward mode='nat'/><bridge name='virbr0'/>"
    "<ip address='192.168.122.1'/></network>"
)
NAT6 = NAT.replace("</network>", "<ip family='ipv6' address='2001:db8::1'/></network>")
ON_NAT = "<interface type='network'><source network='default'/></interface>"
NETWORK = "/etc/libvirt/qemu/networks/default.xml"


def now(addresses: str = "", sysctls: str = OFF) -> Finding:
    host = nethost(links=bridge("br0", addresses=addresses) + tap("web0", "br0"), commands={SYSCTL: sysctls})
    return next(finding for finding in judge(CONTROL, host) if finding.state is State.IN_FORCE)


def at_boot(**files: str) -> list[Finding]:
    paths = {"script": SCRIPT, "sysctl": "/etc/sysctl.d/10-net.conf"}
    found = judge(CONTROL, nethost(files={paths[name]: text for name, text in files.items()}))
    return [finding for finding in found if finding.state is State.ON_DISK]


def test_an_address_of_the_host_fails_and_has_to_be_moved_by_hand() -> None:
    finding = now("inet 192.0.2.10/24 scope global br0\n" + LOCAL)
    assert (finding.result, finding.message) == ("fail", "the host has 192.0.2.10, fe80::1 on br0")
    assert isinstance(finding.fix[0].edit, Do)


def test_a_link_local_address_fails_with_the_fix() -> None:
    finding = now(LOCAL, ON)
    assert (finding.result, finding.message) == ("fail", "the host has fe80::1 on br0")
    assert finding.fix[0].edit == SetLine("net.ipv6.conf.br0.disable_ipv6", "1")


def test_ipv6_off_passes() -> None:
    assert (now().result, now(sysctls=QUIET).result) == ("pass", "pass")
    assert now(sysctls="kernel.osrelease = 6.1\n").result == "pass"


def test_an_address_that_the_kernel_would_make_fails() -> None:
    assert now(sysctls=ON).message == "the kernel gives br0 an IPv6 address as soon as it has a carrier"


def test_a_refused_kernel_is_unknown() -> None:
    assert results(CONTROL, nethost(commands={SYSCTL: Unknown("refused")})) == ["unknown", "unknown"]
    host = nethost(files={SCRIPT: "DEVICE=br0\nTYPE=Bridge\n", "/etc/sysctl.d/*.conf": Unknown("refused")})
    assert results(CONTROL, host) == ["pass", "unknown"]


def test_files_that_keep_the_bridge_bare_pass() -> None:
    (finding,) = at_boot(script="DEVICE=br0\nTYPE=Bridge\nIPV6_DISABLED=yes\n")
    assert (finding.result, finding.evidence[0].where) == ("pass", f"{SCRIPT}:3")
    (finding,) = at_boot(script="DEVICE=br0\nTYPE=Bridge\n", sysctl="net.ipv6.conf.br0.disable_ipv6=1\n")
    assert finding.result == "pass"


def test_files_that_give_it_an_address_fail() -> None:
    (finding,) = at_boot(script="DEVICE=br0\nTYPE=Bridge\nBOOTPROTO=dhcp\n")
    assert (finding.result, finding.message) == ("fail", "the host's files give br0 an address: dhcp")


def test_ipv6init_alone_does_not_keep_link_local_addresses_away() -> None:
    (finding,) = at_boot(script="DEVICE=br0\nTYPE=Bridge\nIPV6INIT=no\n")
    assert (finding.result, finding.fix[0].document.name) == ("fail", "/etc/sysctl.d/99-virt-warden-network.conf")
    (finding,) = at_boot(script="DEVICE=br0\nTYPE=Bridge\n", sysctl="net.ipv6.conf.br0.disable_ipv6=0\n")
    assert (finding.result, finding.fix[0].document.name) == ("fail", "/etc/sysctl.d/10-net.conf")


def test_a_bridge_in_no_file_is_unknown_but_for_ipv6() -> None:
    assert [finding.result.value for finding in at_boot()] == ["unknown"]
    assert [f.result.value for f in at_boot(sysctl="net.ipv6.conf.all.disable_ipv6=1\n")] == ["unknown", "pass"]
    assert [f.result.value for f in at_boot(sysctl="net.ipv6.conf.all.disable_ipv6=0\n")] == ["unknown", "fail"]


def test_the_addresses_of_libvirts_own_network_are_meant() -> None:
    own = bridge("virbr0", addresses="inet 192.168.122.1/24 scope global virbr0")
    assert results(CONTROL, nethost(devices=ON_NAT, links=own, files={NETWORK: NAT})) == ["pass"]
    local = bridge("virbr0", addresses=f"inet 192.168.122.1/24 scope global virbr0\n{LOCAL}")
    assert results(CONTROL, nethost(devices=ON_NAT, links=local, files={NETWORK: NAT})) == ["fail"]
    both = bridge("virbr0", addresses=f"inet6 2001:db8::1/64 scope global virbr0\n{LOCAL}")
    assert results(CONTROL, nethost(devices=ON_NAT, links=both, files={NETWORK: NAT6})) == ["pass"]


def test_a_bridge_that_is_not_up_and_a_host_without_guests() -> None:
    assert results(CONTROL, nethost(links=bridge("br9"))) == ["notapplicable", "unknown"]
    assert results(CONTROL, nethost(guests())) == ["notapplicable"]
