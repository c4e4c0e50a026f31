"""Whether bridged frames go through iptables: how the switches come up at boot, and who needs them on."""

import pytest

from tests.kit import guest, guests, made
from tests.nethost import LIBVIRT, SYSCTL, filtered, nethost
from tests.nwfilters import files
from virtwarden.facts.bridgenf import BridgeNetfilter, DeepRules
from virtwarden.facts.bridges import configured, device_key, file_of, in_force
from virtwarden.facts.kernel import Sysctls
from virtwarden.facts.libvirt_zone import LibvirtZone
from virtwarden.host import Absent, Unknown
from virtwarden.model import State

SITE = "/etc/libvirt/nwfilter.conf"
TCP = "<rule action='drop' direction='out'><tcp dstportstart='25'/></rule>"
TCP6 = "<rule action='drop' direction='out'><tcp-ipv6 dstportstart='25'/></rule>"


@pytest.mark.parametrize(
    ("path", "text", "how"),
    [
        ("/etc/modules-load.d/bridge.conf", "# early\nbr_netfilter\n", "early"),
        ("/usr/lib/modules-load.d/docker.conf", "br_netfilter\n", "early"),
        ("/etc/modules", "loop\nbr_netfilter\n", "early"),
        ("/etc/modules", "br-netfilter\n", "early"),
        ("/etc/modprobe.d/no.conf", "install br-netfilter /bin/false\n", "barred"),
        ("/etc/sysconfig/modules/bridge.modules", "#!/bin/sh\nmodprobe -q br_netfilter\n", "early"),
        (
            "/etc/udev/rules.d/99-bridge.rules",
            'ACTION=="add", SUBSYSTEM=="module", KERNEL=="br_netfilter", '
            'RUN+="/usr/lib/systemd/systemd-sysctl --prefix=/net/bridge"\n',
            "again",
        ),
        ("/etc/modprobe.d/no.conf", "install br_netfilter /bin/true\n", "barred"),
        ("/etc/modules-load.d/bridge.conf", "#br_netfilter\nbr_netfilter_other_x\n", None),
        ("/etc/modprobe.d/no.conf", "blacklist br_netfilter\n", None),
    ],
)
def test_what_makes_values_last(path: str, text: str, how: str | None) -> None:
    found = made(files={path: text.replace("br_netfilter_other_x", "br_other")}).get(BridgeNetfilter)
    assert [name for name in ("early", "again", "barred") if getattr(found, name) is not None] == (
        [how] if how else []
    )
    assert (found.lasting is not None) is (how in ("early", "again"))


def test_a_file_that_vanished_loads_nothing() -> None:
    assert made(files={"/etc/modules": Absent("gone")}).get(BridgeNetfilter) == BridgeNetfilter()


@pytest.mark.parametrize(
    ("release", "inside"), [("2.6.32-220.el6.x86_64", True), ("3.18.0", False), ("odd", False)]
)
def test_old_kernels_have_it_inside(release: str, inside: bool) -> None:
    host = made(commands={SYSCTL: f"kernel.osrelease = {release}\n"})
    assert host.get(BridgeNetfilter).built_in is inside


@pytest.mark.parametrize(
    ("kernels", "inside"),
    [(["2.6.32-220.el6.x86_64", "3.0.76-0.11-default"], True), (["2.6.32-1", "5.14.0-1"], False), ([], False)],
)
def test_an_image_is_told_by_the_kernels_that_are_installed(kernels: list[str], inside: bool) -> None:
    host = made(files={f"/boot/vmlinuz-{release}": "" for release in kernels})
    assert host.get(BridgeNetfilter).built_in is inside
    assert not made(files={"/boot/vmlinuz-*": Unknown("no")}).get(BridgeNetfilter).built_in


def test_rules_that_iptables_enforces_are_found_for_each_family() -> None:
    host = nethost(devices=filtered("mine"), files=files(mine=TCP + TCP6))
    found = host.get(DeepRules)
    assert [(rule.nic.state, rule.switch.rpartition("-")[2]) for rule in found.rules] == [
        (State.ON_DISK, "iptables"), (State.ON_DISK, "ip6tables"),
        (State.IN_FORCE, "iptables"), (State.IN_FORCE, "ip6tables"),
    ]  # fmt: skip
    assert len(found.of(State.IN_FORCE)) == 2


def test_frames_need_no_iptables_and_nftables_does_it_all() -> None:
    assert nethost(devices=filtered("clean-traffic"), files=files()).get(DeepRules).rules == ()
    own = {**files(mine=TCP), SITE: 'firewall_backend = "nftables"\n'}
    assert nethost(devices=filtered("mine"), files=own).get(DeepRules).rules == ()
    assert nethost(devices=filtered("gone"), files=files()).get(DeepRules) == DeepRules()


def test_a_filter_that_cannot_be_followed_is_kept_as_such() -> None:
    host = made(LIBVIRT, guests(guest(filtered("mine"))), files=files(mine=Unknown("refused")))
    ((nic, why),) = host.get(DeepRules).unresolved
    assert (nic.guest.name, "refused" in why) == ("web", True)


def test_sysctls_of_a_device() -> None:
    own = (
        "net.ipv6.conf.br_v19.disable_ipv6 = 1\nnet/ipv6/conf/eth0.19/disable_ipv6=0\n"
        "net.ipv6.conf.veth*.disable_ipv6=1\n"
    )
    everyone = "net.ipv6.conf.default.disable_ipv6 = 1\n"
    host = made(
        files={"/etc/sysctl.d/10-own.conf": own, "/usr/lib/sysctl.d/50-all.conf": everyone}, commands={SYSCTL: own}
    )
    sysctls = host.get(Sysctls)
    values = {
        name: configured(sysctls, "ipv6", name, "disable_ipv6") for name in ("br_v19", "eth0.19", "veth7", "br0")
    }
    assert {name: value.value for name, value in values.items() if value} == {
        "br_v19": "1", "eth0.19": "0", "veth7": "1", "br0": "1",
    }  # fmt: skip
    assert configured(sysctls, "ipv6", "br0", "accept_ra") is None
    assert [value.value for value in in_force(sysctls, "ipv6", "br_v19", "disable_ipv6", "accept_ra")] == ["1"]
    assert device_key("ipv6", "eth0.19", "accept_ra") == "net.ipv6.conf.eth0/19.accept_ra"
    assert file_of(values["br_v19"]) == "/etc/sysctl.d/10-own.conf"
    assert file_of(values["br0"]) == file_of(None) == "/etc/sysctl.d/99-virt-warden-network.conf"


def test_the_zone_of_libvirts_networks() -> None:
    zone = "<zone>\n<service name='dns'/>\n<service name='ssh'/>\n</zone>"
    packaged = {"/usr/lib/firewalld/zones/libvirt.xml": zone}
    found = made(files=packaged).get(LibvirtZone)
    assert [(words, cited.where) for words, cited in found.openings] == [
        ("the service ssh", "/usr/lib/firewalld/zones/libvirt.xml:3")
    ]
    site = {"/etc/firewalld/zones/libvirt.xml": "<zone/>"}
    assert made(files={**packaged, **site}).get(LibvirtZone).openings == ()
    with pytest.raises(Absent, match="no zone"):
        made().get(LibvirtZone)
    with pytest.raises(Unknown, match=r"libvirt\.xml"):
        made(files={"/etc/firewalld/zones/libvirt.xml": "<zone"}).get(LibvirtZone)
