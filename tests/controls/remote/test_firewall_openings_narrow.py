"""The firewall's settings open the ports of management to the networks that manage, and to nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit import judge, made, results
from tests.nethost import IP, ROUTE, link
from tests.remotehost import units
from virtwarden.controls.remote.firewall_openings_narrow import CONTROL
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
ETH = link("eth0", more="inet 192.0.2.10/24 scope global eth0")
EVERYBODY = ("0.0.0.0/0", "::/0")
NAMED, EVERYBODYS = (
    "allow tcp 22 0.0.0.0/0 any 192.0.2.0/24 in",
    "allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 in",
)
TWO = Policy(network=Network(management_sources=("192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32")))
UFW = {"/etc/ufw/ufw.conf": "ENABLED=yes\n"}


def firewalld(files: dict[str, str | Unknown], policy: Policy = SITE) -> Host:
    return made(units({"firewalld.service": "enabled"}), policy, files=files)


def zone(*lines: str) -> str:
    return "<zone>\n" + "".join(f"  {line}\n" for line in lines) + "</zone>\n"


def ufw(*tuples: str, policy: Policy = SITE) -> Host:
    rules = "".join(f"\n### tuple ### {each}\n{ufw_line(each)}\n" for each in tuples)
    return made(units({}), policy, files={**UFW, "/etc/ufw/user.rules": f"*filter\n{rules}COMMIT\n"})


def ufw_line(told: str) -> str:
    _, protocol, ports, _, _, source = told.split(" ")[:6]
    proto = "" if protocol == "any" else f" -p {protocol}"
    dports = "" if ports == "any" else f" --dport {ports}"
    return f"-A ufw-user-input{proto}{dports}{'' if source in EVERYBODY else f' -s {source}'} -j ACCEPT"


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
    zone = xmltext.parse(after[PUBLIC])
    assert [each.get("name") for each in zone.iterfind("service")] == ["dhcpv6-client"]
    (rule,) = zone.iterfind("rule")
    assert (rule.get("family"), [each.tag for each in rule]) == ("ipv4", ["source", "service", "accept"])
    assert [each.get("address") for each in rule.iterfind("source")] == ["192.0.2.0/24"]


def test_the_sites_own_file_is_edited_and_the_packages_is_not() -> None:
    (finding,) = judge(CONTROL, firewalld({PUBLIC: SSH}))
    assert finding.fix[0].edit == RemoveElement("service[@name='ssh']")
    (finding,) = judge(CONTROL, firewalld({PACKAGED: SSH}))
    assert finding.fix[0].document.name == PUBLIC
    assert isinstance(finding.fix[0].edit, Replace)


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
        ("<source address='192.0.2.0/24'/><service name='ssh'/>", "fail"),
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
    tls = zone("<service name='libvirt-tls'/>")
    for host in (firewalld({PUBLIC: accepting}), firewalld({PUBLIC: tls}, Policy())):
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
        ("allow any any 0.0.0.0/0 any 10.0.0.5 in", "fail"),
        ("allow any any 0.0.0.0/0 any 192.0.2.5 in", "pass"),
        ("allow any any 0.0.0.0/0 any 0.0.0.0/0 in", "fail"),
        ("allow udp 22 0.0.0.0/0 any 0.0.0.0/0 in", "pass"),
        ("allow tcp 22 0.0.0.0/0 any 0.0.0.0/0 out", "pass"),
    ],
)
def test_rules_of_ufw_decide(rule: str, result: str) -> None:
    assert results(CONTROL, ufw(rule)) == [result]


def test_ufws_rule_is_written_as_ufw_would() -> None:
    told = "limit tcp 16514 0.0.0.0/0 any 0.0.0.0/0 in comment=68656c6c6f"
    (finding,) = judge(CONTROL, ufw(told, "allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", policy=TWO))
    (change,) = finding.fix
    assert change.document == Document("file", "/etc/ufw/user.rules")
    assert isinstance(change.edit, Replace)
    assert (change.edit.text or "").split("\n") == [
        "*filter", "",
        "### tuple ### limit tcp 16514 0.0.0.0/0 any 192.0.2.0/24 in comment=68656c6c6f",
        "-A ufw-user-input -p tcp --dport 16514 -s 192.0.2.0/24 -j ACCEPT", "",
        "### tuple ### limit tcp 16514 0.0.0.0/0 any 10.0.0.0/8 in comment=68656c6c6f",
        "-A ufw-user-input -p tcp --dport 16514 -s 10.0.0.0/8 -j ACCEPT", "",
        "### tuple ### allow tcp 80 0.0.0.0/0 any 0.0.0.0/0 in", "-A ufw-user-input -p tcp --dport 80 -j ACCEPT",
        "COMMIT", "",
    ]  # fmt: skip


def test_a_rule_of_ufw_that_is_there_is_not_doubled() -> None:
    (_, finding) = judge(CONTROL, ufw("allow tcp 22 0.0.0.0/0 any 192.0.2.0/24 in", EVERYBODYS))
    (change,) = finding.fix
    assert isinstance(change.edit, Replace)
    assert (change.edit.text or "").count("-A ufw") == 1


def test_what_ufw_opens_besides_is_for_a_person() -> None:
    (finding,) = judge(CONTROL, ufw("allow tcp 22,80 0.0.0.0/0 any 0.0.0.0/0 in"))
    (change,) = finding.fix
    assert isinstance(change.edit, Do)
    assert "ufw allow from 192.0.2.0/24 to any port 22,5900:5999" in change.edit.steps


@pytest.mark.parametrize(
    ("files", "result"),
    [
        ({"/etc/default/ufw": 'DEFAULT_INPUT_POLICY="ACCEPT"\n'}, "fail"),
        ({"/etc/default/ufw": 'DEFAULT_INPUT_POLICY="DROP"\n'}, "pass"),
        ({"/etc/ufw/before.rules": "-A ufw-before-input -p tcp --dport 16514 -j ACCEPT\n"}, "fail"),
        ({"/etc/ufw/before.rules": "-A ufw-before-input -s 192.0.2.0/24 -j ACCEPT\n"}, "pass"),
        ({"/etc/ufw/before.rules": "-A ufw-before-input -i lo -j ACCEPT\n"}, "pass"),
        ({"/etc/ufw/user.rules": "-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n"}, "fail"),
        ({"/etc/ufw/user.rules": f"### tuple ### {NAMED}\n-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n"}, "unknown"),
        ({"/etc/ufw/user.rules": "### tuple ### something new\n"}, "unknown"),
    ],
)  # fmt: skip
def test_what_ufw_was_not_asked_for_counts_too(files: dict[str, str], result: str) -> None:
    assert results(CONTROL, made(units({}), SITE, files={**UFW, **files})) == [result]


@pytest.mark.parametrize("path", sorted(Path("/usr/share/ufw").glob("**/*.rules")), ids=lambda path: path.name)
def test_the_files_that_ufw_comes_with_open_nothing(path: Path) -> None:
    assert results(CONTROL, made(units({}), SITE, files={**UFW, f"/etc/ufw/{path.name}": path.read_text()})) == [
        "pass"
    ]


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("<protocol value='tcp'/>", "fail"),
        ("<source-port port='1024-65535' protocol='tcp'/>", "fail"),
        ("<forward-port port='2222' protocol='tcp' to-port='22'/>", "fail"),
        ("<forward-port port='2222' protocol='tcp' to-port='22' to-addr='10.0.0.5'/>", "pass"),
        ("<port port='49152-49215' protocol='tcp'/>", "fail"),
        ("<rule><accept/></rule>", "fail"),
        ("<rule family='ipv4'><source address='192.0.2.0/24'/><accept/></rule>", "pass"),
        ("<rule family='ipv4'><source address='10.0.0.0/8'/><service name='ssh'/><accept/></rule>", "fail"),
        ("<rule family='ipv4'><source address='0.0.0.0/0'/><service name='ssh'/><accept/></rule>", "fail"),
        ("<rule><source address='192.0.2.0/24' invert='True'/><service name='ssh'/><accept/></rule>", "unknown"),
        ("<rule><source ipset='admins'/><service name='ssh'/><accept/></rule>", "unknown"),
        ("<rule><icmp-type name='echo-request'/><accept/></rule>", "pass"),
        ("<service name='site-tool'/>", "unknown"),
        ("<service name='../../passwd'/>", "unknown"),
    ],
)
def test_everything_that_can_open_a_port_counts(line: str, result: str) -> None:
    assert results(CONTROL, firewalld({PUBLIC: zone(line)})) == [result]


def test_services_of_the_site_are_read() -> None:
    own = "<service><port port='{}' protocol='tcp'/>{}</service>"
    path = "/etc/firewalld/services/{}.xml"
    for text, result in ((own.format(22, ""), "fail"), (own.format(80, ""), "pass"),
                         (own.format(80, "<include service='libvirt-tls'/>"), "fail")):  # fmt: skip
        files: dict[str, str | Unknown] = {PUBLIC: zone("<service name='tool'/>"), path.format("tool"): text}
        assert results(CONTROL, firewalld(files)) == [result]
    moved: dict[str, str | Unknown] = {PUBLIC: SSH, path.format("ssh"): own.format(2222, "")}
    assert results(CONTROL, firewalld(moved)) == ["pass"]


def test_an_opening_of_one_protocol_leaves_the_others() -> None:
    both = zone("<port port='16514' protocol='tcp'/>", "<port port='16514' protocol='udp'/>")
    after = healed({PUBLIC: both}, judge(CONTROL, firewalld({PUBLIC: both}))[0].fix)
    assert [each.get("protocol") for each in xmltext.parse(after[PUBLIC]).iterfind("port")] == ["udp"]


def test_a_rich_rule_is_narrowed_and_not_doubled() -> None:
    wide = zone(
        "<rule><service name='vnc-server'/><log/><accept><limit value='9/m'/></accept></rule>",
        "<rule family='ipv4'><source address='192.0.2.0/24'/><service name='ssh'/><accept/></rule>",
        "<service name='ssh'/>",
    )
    after = healed({PUBLIC: wide}, judge(CONTROL, firewalld({PUBLIC: wide}))[0].fix)
    rules = list(xmltext.parse(after[PUBLIC]).iterfind("rule"))
    assert {tuple(each.tag for each in rule) for rule in rules} == {
        ("source", "service", "accept"), ("source", "service", "log", "accept"),
    }  # fmt: skip
    assert "limit" in after[PUBLIC]
    assert results(CONTROL, firewalld(dict(after))) == ["pass"]
    assert after[PUBLIC].count("name='ssh'") + after[PUBLIC].count('name="ssh"') == 1


def test_zones_of_networks_and_connections_and_policies_count() -> None:
    ssh = zone("<service name='ssh'/>")
    files: dict[str, str | Unknown] = {
        PUBLIC: zone(),
        "/etc/firewalld/zones/far.xml": zone("<source address='10.0.0.0/8'/>", "<service name='ssh'/>"),
        "/etc/firewalld/zones/near.xml": zone("<source address='192.0.2.0/25'/>", "<service name='ssh'/>"),
        "/etc/firewalld/zones/wifi.xml": ssh,
        "/etc/firewalld/zones/office.xml": ssh,
        "/etc/sysconfig/network-scripts/ifcfg-eth1": "DEVICE=eth1\nZONE=office\n",
        "/etc/NetworkManager/system-connections/w.nmconnection": "[connection]\nid=w\nzone=wifi\n",
        "/etc/firewalld/policies/in.xml": (
            "<policy><ingress-zone name='ANY'/><egress-zone name='HOST'/><service name='ssh'/></policy>"
        ),
    }
    assert {(f.subject.name, f.result.value) for f in judge(CONTROL, firewalld(files))} == {
        ("public", "pass"), ("far", "fail"), ("near", "pass"), ("wifi", "fail"), ("office", "fail"), ("in", "fail"),
    }  # fmt: skip


def test_a_connection_whose_zone_cannot_be_told_is_unknown() -> None:
    files: dict[str, str | Unknown] = {
        PUBLIC: zone(),
        "/etc/sysconfig/network-scripts/ifcfg-eth1": "ZONE='office\n",
    }
    assert results(CONTROL, firewalld(files)) == ["unknown"]


def test_no_default_zone_and_direct_rules_are_unknown() -> None:
    assert results(CONTROL, firewalld({})) == ["unknown"]
    direct = "<direct><rule ipv='ipv4' table='filter' chain='INPUT' priority='0'>-p tcp -j ACCEPT</rule></direct>"
    assert "unknown" in results(CONTROL, firewalld({PUBLIC: zone(), "/etc/firewalld/direct.xml": direct}))


def test_what_firewalld_would_lose_by_a_reload_is_told() -> None:
    now = "public (active)\n  interfaces: eth0\n  services: ssh\n  rich rules: \n\trule drop\n"
    kept = "public\n  interfaces: \n  services: ssh\n  rich rules: \n"
    commands = {
        ("firewall-cmd", "--list-all-zones"): now,
        ("firewall-cmd", "--permanent", "--list-all-zones"): kept,
    }
    there = made(units({"firewalld.service": "enabled"}), SITE, files={PUBLIC: SSH}, commands=commands)
    (change,) = judge(CONTROL, there)[0].fix
    assert isinstance(change.edit, Do)
    assert "zone public: rich rules rule drop" in change.edit.steps


def test_ssh_is_left_to_the_site_as_long_as_nobody_manages() -> None:
    assert results(CONTROL, firewalld({PUBLIC: SSH}, Policy())) == ["pass"]


SAVED = """\
*filter
:INPUT ACCEPT [0:0]
-A INPUT -m state --state ESTABLISHED,RELATED -j ACCEPT
-A INPUT -i lo -j ACCEPT
{}
-A INPUT -j REJECT --reject-with icmp-host-prohibited
COMMIT
"""


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ("-A INPUT -p icmp -j ACCEPT", "pass"),
        ("-A INPUT -m state --state NEW -m tcp -p tcp --dport 16514 -j ACCEPT", "fail"),
        ("-A INPUT -p tcp -m multiport --dports 5950:5960 -j ACCEPT", "fail"),
        ("-A INPUT -s 192.0.2.0/24 -p tcp --dport 16514 -j ACCEPT", "pass"),
        ("-A INPUT -s 10.0.0.0/8 -p tcp --dport 16514 -j ACCEPT", "fail"),
        ("-A INPUT -i eth9 -p tcp --dport 22 -j ACCEPT", "pass"),
        ("-A INPUT -m socket -p tcp --dport 22 -j ACCEPT", "unknown"),
    ],
)
def test_saved_rules_of_iptables_decide(rule: str, result: str) -> None:
    there = made(
        units({"iptables.service": "enabled"}), SITE, files={"/etc/sysconfig/iptables": SAVED.format(rule)},
        commands={IP: ETH, ROUTE: ""},
    )  # fmt: skip
    (finding,) = judge(CONTROL, there)
    assert finding.result == result
    if result == "fail":
        (change,) = finding.fix
        assert isinstance(change.edit, Do)
        assert "iptables -I INPUT -s 192.0.2.0/24 -p tcp -m multiport" in change.edit.steps


@pytest.mark.parametrize(
    ("settings", "result"),
    [
        ('FW_SERVICES_EXT_TCP="80"', "pass"),
        ('FW_SERVICES_EXT_TCP="80 ssh"', "fail"),
        ('FW_SERVICES_EXT_TCP="5900:5910"', "fail"),
        ('FW_CONFIGURATIONS_EXT="sshd"', "fail"),
        ('FW_CONFIGURATIONS_EXT="tool"', "unknown"),
        ('FW_SERVICES_ACCEPT_EXT="192.0.2.0/24,tcp,22"', "pass"),
        ('FW_SERVICES_ACCEPT_EXT="0/0,tcp,22"', "fail"),
        ('FW_TRUSTED_NETS="10.0.0.0/8,tcp,22"', "fail"),
        ('FW_TRUSTED_NETS="192.0.2.0/24"', "pass"),
        ('FW_DEV_INT="eth1"', "fail"),
        ('FW_DEV_INT="eth1"\nFW_PROTECT_FROM_INT="yes"', "pass"),
    ],
)
def test_susefirewall2s_settings_decide(settings: str, result: str) -> None:
    files = {"/etc/sysconfig/SuSEfirewall2": settings + "\n", "/etc/init.d/rc3.d/S01SuSEfirewall2_init": ""}
    (finding,) = judge(CONTROL, made(units({}), SITE, files=files))
    assert finding.result == result
    assert result != "fail" or "rcSuSEfirewall2 restart" in getattr(finding.fix[0].edit, "steps", "")


def test_it_does_not_apply_without_either() -> None:
    off = {"/etc/ufw/ufw.conf": "ENABLED=no\n"}
    assert results(CONTROL, made(units({}), files={**off, PUBLIC: SSH})) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, firewalld({PUBLIC: Unknown("permission denied")})) == ["unknown"]
    assert results(CONTROL, firewalld({PUBLIC: "<zone>"})) == ["unknown"]
