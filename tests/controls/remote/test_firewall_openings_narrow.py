"""The firewall's settings open the ports of management to the networks that manage, and to nobody else."""

from __future__ import annotations

import pytest

from tests.kit import judge, made, results
from tests.remotehost import units
from virtwarden.controls.remote.firewall_openings_narrow import CONTROL, OURS
from virtwarden.edits import Do, RemoveElement, Replace
from virtwarden.facts.policy import Network, Policy
from virtwarden.formats import xmltext
from virtwarden.host import Host, Unknown
from virtwarden.model import Change, Document
from virtwarden.splice import apply_all

SITE = Policy(network=Network(management_sources=("192.0.2.0/24",)))
PUBLIC = "/etc/firewalld/zones/public.xml"
PACKAGED = "/usr/lib/firewalld/zones/public.xml"
SSH = "<zone>\n  <short>Public</short>\n  <service name='ssh'/>\n  <service name='dhcpv6-client'/>\n</zone>\n"
NONE = SSH.replace("  <service name='ssh'/>\n", "")
UFW = {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}


def firewalld(files: dict[str, str | Unknown], policy: Policy = SITE) -> Host:
    return made(units({"firewalld.service": "enabled"}), policy, files=files)


def zone(*lines: str) -> str:
    return "<zone>\n" + "".join(f"  {line}\n" for line in lines) + "</zone>\n"


def ufw(*tuples: str, policy: Policy = SITE) -> Host:
    rules = "".join(f"\n### tuple ### {each}\n-A ufw-user-input -j ACCEPT\n" for each in tuples)
    return made(units({}), policy, files={**UFW, "/etc/ufw/user.rules": f"*filter\n{rules}COMMIT\n"})


def healed(files: dict[str, str], fix: tuple[Change, ...]) -> dict[str, str]:
    after = dict(files)
    for path in dict.fromkeys(change.document.name for change in fix):
        edits = [change.edit for change in fix if change.document.name == path]
        after[path] = apply_all(edits, after.get(path), Document("file", path)) or ""
    return after


@pytest.mark.parametrize("files", [{PACKAGED: SSH}, {PUBLIC: SSH}, {PUBLIC: SSH, PACKAGED: NONE}])
def test_a_zone_that_lets_everybody_in_fails_and_is_healed(files: dict[str, str]) -> None:
    (finding,) = judge(CONTROL, firewalld(dict(files)))
    assert (finding.result, finding.message) == ("fail", "opens to everybody: the service ssh")
    after = healed(files, finding.fix)
    assert results(CONTROL, firewalld(dict(after))) == ["pass"]
    ours = xmltext.parse(after[OURS])
    assert [each.get("address") for each in ours.iterfind("source")] == ["192.0.2.0/24"]
    assert [each.get("name") for each in ours.iterfind("service")] == ["ssh", "dhcpv6-client"]
    assert "dhcpv6-client" in after[PUBLIC]
    assert "ssh" not in after[PUBLIC]


def test_the_sites_own_file_is_edited_and_the_packages_is_not() -> None:
    (finding,) = judge(CONTROL, firewalld({PUBLIC: SSH}))
    assert finding.fix[1].edit == RemoveElement("service[@name='ssh']")
    (finding,) = judge(CONTROL, firewalld({PACKAGED: SSH}))
    assert (finding.fix[1].document.name, finding.fix[1].edit) == (PUBLIC, Replace(NONE))


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("<service name='libvirt-tls'/>", "fail"),
        ("<service name='vnc-server'/>", "fail"),
        ("<port port='16000-17000' protocol='tcp'/>", "fail"),
        ("<port port='5950' protocol='tcp'/>", "fail"),
        ("<port port='6000' protocol='tcp'/>", "pass"),
        ("<port port='16514' protocol='udp'/>", "pass"),
        ("<rule><port port='16514' protocol='tcp'/><accept/></rule>", "fail"),
        ("<rule><source address='192.0.2.0/24'/><service name='ssh'/><accept/></rule>", "pass"),
        ("<rule><service name='ssh'/><drop/></rule>", "pass"),
        ("<source address='192.0.2.0/24'/><service name='ssh'/>", "pass"),
        ("<source address='192.0.2.0/24'/><interface name='eth0'/><service name='ssh'/>", "fail"),
    ],
)
def test_what_a_zone_opens_decides(line: str, result: str) -> None:
    assert results(CONTROL, firewalld({PUBLIC: zone(line)})) == [result]


def test_the_zones_that_hold_interfaces_are_judged() -> None:
    files: dict[str, str | Unknown] = {
        "/etc/firewalld/firewalld.conf": "DefaultZone=internal\n",
        "/etc/firewalld/zones/internal.xml": zone("<service name='http'/>"),
        "/etc/firewalld/zones/dmz.xml": zone("<interface name='eth1'/>", "<service name='ssh'/>"),
        "/etc/firewalld/zones/idle.xml": zone("<service name='ssh'/>"),
        PACKAGED: SSH,
    }
    assert [(f.subject.name, f.result) for f in judge(CONTROL, firewalld(files))] == [
        ("internal", "pass"),
        ("dmz", "fail"),
    ]


def test_what_no_edit_takes_out_is_for_a_person() -> None:
    accepting = "<zone target='ACCEPT'>\n</zone>\n"
    for host in (firewalld({PUBLIC: accepting}), firewalld({PUBLIC: SSH}, Policy())):
        assert isinstance(judge(CONTROL, host)[0].fix[0].edit, Do)


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ("allow tcp 16514 0.0.0.0/0 any 192.0.2.0/24 in", "pass"),
        ("allow any 22 0.0.0.0/0 any 0.0.0.0/0 in", "fail"),
        ("limit tcp 22 ::/0 any ::/0 in", "fail"),
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 OpenSSH - in", "fail"),
        ("allow tcp 5900:5910 0.0.0.0/0 any 0.0.0.0/0 in_eth0", "fail"),
        ("allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 in comment=776562", "pass"),
        ("deny tcp 16509 0.0.0.0/0 any 0.0.0.0/0 in", "pass"),
        ("allow any any 0.0.0.0/0 any 10.0.0.5 in", "pass"),
        ("allow udp 22 0.0.0.0/0 any 0.0.0.0/0 in", "pass"),
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out", "pass"),
    ],
)
def test_rules_of_ufw_decide(rule: str, result: str) -> None:
    assert results(CONTROL, ufw(rule)) == [result]


def test_ufws_commands_are_shown() -> None:
    (finding,) = judge(CONTROL, ufw("allow tcp 16514 0.0.0.0/0 any 0.0.0.0/0 in"))
    (change,) = finding.fix
    assert isinstance(change.edit, Do)
    assert change.edit.steps == (
        "ufw allow from 192.0.2.0/24 to any port 16514 proto tcp; ufw delete allow 16514/tcp"
    )


def test_it_does_not_apply_without_either() -> None:
    off = {"/etc/ufw/ufw.conf": "ENABLED=no\n"}
    assert results(CONTROL, made(units({}), files={**off, PUBLIC: SSH})) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, firewalld({PUBLIC: Unknown("permission denied")})) == ["unknown"]
    assert results(CONTROL, firewalld({PUBLIC: "<zone>"})) == ["unknown"]
