"""libvirt's virtual networks, as defined and as they run."""

import pytest

from tests.kit import made
from tests.nethost import LIBVIRT
from virtwarden.facts.networks import Networks
from virtwarden.host import Absent, Unknown
from virtwarden.model import State

ETC = "/etc/libvirt/qemu/networks"

DEFAULT = """\
<network>
  <name>default</name>
  <uuid>9b1855f0-21fa-485b-aa48-432bf630b62d</uuid>
  <forward mode='nat'/>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:1e:f4:b8'/>
  <ip address='192.168.122.1' netmask='255.255.255.0'>
    <dhcp>
      <range start='192.168.122.2' end='192.168.122.254'/>
      <host mac='52:54:0:12:34:3' name='mail' ip='192.168.122.3'/>
      <host name='no-mac' ip='192.168.122.4'/>
    </dhcp>
  </ip>
  <ip family='ipv6' address='nonsense'/>
</network>
"""
STATUS = f"<networkstatus><class_id bitmap='0-2'/>{DEFAULT}</networkstatus>"


def network(inner: str, name: str = "net") -> str:
    return f"<network><name>{name}</name>{inner}</network>"


def networks(**files: str | Unknown) -> Networks:
    return made(LIBVIRT, files={f"{ETC}/{name}.xml": text for name, text in files.items()}).get(Networks)


def test_a_nat_network_in_both_states() -> None:
    files = {
        f"{ETC}/default.xml": DEFAULT,
        f"{ETC}/autostart/default.xml": DEFAULT,
        "/run/libvirt/network/default.xml": STATUS,
    }
    found = made(LIBVIRT, files=files).get(Networks)
    defined, running = found.of(State.ON_DISK)["default"], found.of(State.IN_FORCE)["default"]
    assert (defined.forward, defined.bridge, defined.kind, defined.autostart) == ("nat", "virbr0", "bridge", True)
    assert defined.routed
    assert defined.owns_bridge
    assert [str(address) for address in defined.addresses] == ["192.168.122.1"]
    assert [(r.mac, r.address, r.line) for r in defined.reservations] == [
        ("52:54:00:12:34:03", "192.168.122.3", 10)
    ]
    assert running.state is State.IN_FORCE
    assert running.cite().where == "/run/libvirt/network/default.xml:1"


@pytest.mark.parametrize(
    ("inner", "kind", "owns", "routed"),
    [
        ("<bridge name='virbr1'/>", "bridge", True, False),
        ("<forward/><bridge name='virbr1'/>", "bridge", True, True),
        ("<forward mode='bridge'/><bridge name='br0'/>", "bridge", False, False),
        ("<forward mode='bridge'><interface dev='eth1'/></forward>", "direct", False, False),
        ("<forward mode='passthrough' dev='eth1'/>", "direct", False, False),
        ("<forward mode='hostdev'><pf dev='eth1'/></forward>", "hostdev", False, False),
    ],
)
def test_what_an_interface_on_a_network_becomes(inner: str, kind: str, owns: bool, routed: bool) -> None:
    found = networks(net=network(inner)).on_disk["net"]
    assert (found.kind, found.owns_bridge, found.routed) == (kind, owns, routed)
    assert found.device == ("eth1" if kind == "direct" else None)


def test_what_cannot_be_read_is_kept_as_such() -> None:
    found = networks(net=network(""), broken="<network>", refused=Unknown("permission denied"), other="<pool/>")
    assert list(found.on_disk) == ["net"]
    assert [evidence.path for evidence in found.unread] == [f"{ETC}/broken.xml", f"{ETC}/refused.xml"]
    with pytest.raises(Unknown, match=r"broken.xml"):
        found.complete()
    networks().complete()


def test_a_network_that_vanished_is_not_there() -> None:
    host = made(LIBVIRT, files={f"{ETC}/gone.xml": Absent("gone")})
    assert host.get(Networks).on_disk == {}


def test_a_refused_run_directory_leaves_what_runs_unknown() -> None:
    files = {"/run/libvirt/network/*.xml": Unknown("refused"), f"{ETC}/autostart/*.xml": Unknown("refused")}
    assert made(LIBVIRT, files=files).get(Networks).liveness == "refused"
