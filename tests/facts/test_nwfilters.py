"""libvirt's network filters: those that are defined, those that the package brought, and what they lead to."""

import pytest

from tests.kit import made
from tests.nethost import LIBVIRT
from tests.nwfilters import STORED, files
from virtwarden.facts.builtin_filters import DIGESTS, digest
from virtwarden.facts.nwfilters import V4_NODES, NwFilters
from virtwarden.host import Absent, Unknown


def filters(**own: str | Unknown | Absent) -> NwFilters:
    return made(LIBVIRT, files=files(**own)).get(NwFilters)


def test_clean_traffic_draws_in_its_parts() -> None:
    found = filters()
    tree = found.tree("clean-traffic")
    assert tree is not None
    assert {"no-mac-spoofing", "no-arp-ip-spoofing", "no-other-l2-traffic", "no-other-rarp-traffic"} <= tree.names
    assert (tree.missing, tree.circles) == ((), ())
    assert tree.looking_at(V4_NODES) is None
    assert found.tree("unheard-of") is None


def test_rules_say_what_they_do() -> None:
    inner = "<rule action='DROP' direction='in' statematch='false'><tcp dstportstart='23'/></rule>"
    mine = filters(mine=inner).filters["mine"]
    (rule,) = mine.rules
    assert (rule.action, rule.direction, rule.priority, rule.stateless) == ("drop", "in", "500", True)
    assert (rule.stops, rule.outgoing) == (True, False)
    assert rule.nodes == (("tcp", {"dstportstart": "23"}),)
    assert mine.cite(rule.line).where == "/etc/libvirt/nwfilter/mine.xml:1"
    assert mine.family == "root"


def test_chains_belong_to_the_longest_name_that_they_begin_with() -> None:
    found = filters(odd="<filter name='odd' chain='custom'/>").filters
    assert found["no-arp-ip-spoofing"].family == "arp"
    assert found["qemu-announce-self-rarp"].family == "rarp"
    assert found["no-ip-spoofing"].family == "ipv4"
    assert found["odd"].family == "custom"


def test_missing_filters_and_circles() -> None:
    found = filters(one="<filterref filter='two'/><filterref filter='gone'/>", two="<filterref filter='one'/>")
    tree = found.tree("one")
    assert tree is not None
    assert [(owner.name, reference.name) for owner, reference in tree.missing] == [("one", "gone")]
    assert [(owner.name, reference.name) for owner, reference in tree.circles] == [("two", "one")]


def test_variables_less_those_that_a_reference_gives() -> None:
    given = "<filterref filter='clean-traffic-gateway'><parameter name='GATEWAY_MAC' value='x'/></filterref>"
    found = filters(
        mine=given,
        loop="<filterref filter='loop'/><rule action='drop' direction='in'><ip srcipaddr='$ A'/></rule>",
    )
    assert found.wanted_variables("clean-traffic-gateway") == {"IP", "GATEWAY_MAC"}
    assert found.wanted_variables("mine") == {"IP"}
    assert found.wanted_variables("no-mac-spoofing") == frozenset()
    assert found.wanted_variables("loop") == {"A"}
    assert found.wanted_variables("unheard-of") == frozenset()


def test_a_filter_that_could_not_be_read_may_be_the_one_that_is_missing() -> None:
    found = filters(
        secret=Unknown("permission denied"), broken="<filter ", gone=Absent("gone"), other="<filter />"
    )
    assert found.tree("no-mac-spoofing") is not None
    with pytest.raises(Unknown, match=r"network filter /etc/libvirt/nwfilter/"):
        found.tree("secret")
    with pytest.raises(Unknown, match=r"network filter /etc/libvirt/nwfilter/"):
        found.complete()
    filters().complete()


def test_long_chains_of_references_are_followed() -> None:
    chain = {f"f{number}": f"<filterref filter='f{number + 1}'/>" for number in range(3000)}
    found = filters(**chain, f3000="<rule action='drop' direction='out'><ip srcipaddr='$LAST'/></rule>")
    tree = found.tree("f0")
    assert tree is not None
    assert len(tree.filters) == 3001
    assert found.wanted_variables("f0") == {"LAST"}


def test_bindings_and_the_backend() -> None:
    binding = (
        "<filterbindingstatus><filterbinding><owner><name>web</name></owner><portdev name='vnet0'/>"
        "<filterref filter='clean-traffic'/></filterbinding></filterbindingstatus>"
    )
    run = "/run/libvirt/nwfilter-binding"
    extra = {f"{run}/vnet0.xml": binding, f"{run}/odd.xml": "<a/>", f"{run}/bad.xml": "<a"}
    conf = {"/etc/libvirt/nwfilter.conf": 'firewall_backend = "nftables"\n'}
    found = made(LIBVIRT, files={**files(), **extra, **conf}).get(NwFilters)
    assert {port: bound.filter for port, bound in found.bindings.items()} == {"vnet0": "clean-traffic"}
    assert found.backend == "nftables"
    assert filters().backend == "iptables"
    assert made(LIBVIRT, files={"/etc/libvirt/nwfilter.conf": "# none\n"}).get(NwFilters).backend == "iptables"
    assert made(LIBVIRT, files={f"{run}/*.xml": Unknown("refused")}).get(NwFilters).bindings == {}


def test_stored_filters_have_the_digests_of_those_shipped() -> None:
    found = filters().filters
    assert {name: digest(found[name]) for name in STORED} == {name: DIGESTS[name] for name in STORED}


def test_a_digest_heeds_what_a_filter_says_and_not_how() -> None:
    respelt = (
        "<filter name='no-mac-spoofing' chain='mac'><uuid>x</uuid><rule direction='out' action='return'>"
        "<mac match='yes' srcmacaddr='$mac' comment='own'/></rule>"
        "<rule direction='out' action='drop'><mac/></rule></filter>"
    )
    assert digest(filters(no_mac_spoofing=respelt).filters["no-mac-spoofing"]) == DIGESTS["no-mac-spoofing"]
    weak = respelt.replace("'drop'", "'accept'")
    assert digest(filters(no_mac_spoofing=weak).filters["no-mac-spoofing"]) != DIGESTS["no-mac-spoofing"]
