"""Addresses that stand for all that are in none of certain networks."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.facts.strangers import TooMany, strangers

NETWORKS = st.builds(
    lambda address, length: str(ip_network((address, length), strict=False)),
    st.integers(1 << 24, 120 << 24), st.integers(4, 32),
)  # fmt: skip


def test_one_address_of_nobodys_where_no_rule_tells_more() -> None:
    assert [each.address for each in strangers(4, ())] == ["198.51.100.77"]
    assert [each.address for each in strangers(6, ("2001:db8::/32",))] == ["3fff:ffff::77"]
    assert strangers(4, ("198.51.100.0/24", "203.0.113.0/24")) != []


def test_a_named_network_is_asked_outside_those_that_manage() -> None:
    found = {each.network: each.address for each in strangers(4, ("10.1.0.0/16",), ("10.0.0.0/8", "10.1.2.0/24"))}
    assert set(found) == {"", "10.0.0.0/8"}
    assert ip_address(found["10.0.0.0/8"]) not in ip_network("10.1.0.0/16")


def test_networks_that_are_only_dropped_are_left_out_and_too_many_others_are_told() -> None:
    many = [f"10.{high}.{low}.0/24" for high in range(40) for low in range(0, 250, 2)]
    assert len(strangers(4, (), (), many)) == 1
    with pytest.raises(TooMany):
        strangers(4, (), many)


@given(st.lists(NETWORKS, max_size=4), st.lists(NETWORKS, max_size=6), st.integers(1 << 24, 120 << 24))
def test_every_address_outside_fares_as_one_of_them(managing: list[str], named: list[str], number: int) -> None:
    def fares(address: str) -> frozenset[str]:
        return frozenset(text for text in named if ip_address(address) in ip_network(text))

    found = [each.address for each in strangers(4, managing, named)]
    assert not any(ip_address(each) in ip_network(text) for each in found for text in managing)
    address = str(ip_address(number))
    if not any(ip_address(address) in ip_network(text) for text in managing):
        assert fares(address) in {fares(each) for each in found}
