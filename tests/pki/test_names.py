"""Names are taken as they are dialled, or refused in one sentence; no name can pass for what the authority says."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.complaint import Complaint
from virtwarden.formats.dername import spelled
from virtwarden.pki import names
from virtwarden.pki.localnames import addresses_in
from virtwarden.pki.roles import ROLES, Purpose, is_mark, purposes
from virtwarden.pki.subjects import matches

CLIENT = Purpose("libvirt", "client")
SERVER = Purpose("libvirt", "server")


def subject(common: str, purpose: Purpose = CLIENT, pieces: str = "") -> str:
    return spelled(names.subject(common, purpose, names.pieces(pieces), "Example Org").public_bytes())


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("KVM1.Example.ORG.", "kvm1.example.org"),
        ("192.0.2.10", "192.0.2.10"),
        ("2001:DB8::0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("kvm_1", "kvm_1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        (" kvm1 ", "kvm1"),
    ],
)
def test_a_name_is_written_as_clients_compare_it(given: str, written: str) -> None:
    assert names.names([given, given]).written == (written,)


@pytest.mark.parametrize(
    "given",
    ["", " ", ".", "a..b", "-a", "a-", "*.example.org", "bücher.example", "a b", "a/b", "1.2.3", "1.2.3.4.5",
     "192.0.2.256", "a" * 64, "a." * 127 + "a", "x\0y", "a\nb", "fe80::1%eth0", "\udcff", "192.0.2.1/24", "qemu+tls://kvm1"],
)  # fmt: skip
def test_what_is_no_name_is_refused_in_one_sentence(given: str) -> None:
    with pytest.raises(Complaint) as told:
        names.names([given])
    assert "\n" not in str(told.value)
    assert str(told.value).isprintable()


@given(
    st.lists(
        st.one_of(
            st.ip_addresses().map(str), st.from_regex(r"[a-z][a-z0-9]{0,9}(\.[a-z]{2,5}){0,3}", fullmatch=True)
        ),
        min_size=1,
    )
)
def test_what_a_certificate_names_is_what_was_asked_for(given: list[str]) -> None:
    try:
        asked = names.names(given)
    except Complaint:  # an address of a scope
        assert any("%" in name for name in given)
        return
    assert names.names_in(asked.general) == asked.written
    assert {_same(name) for name in given} == {_same(name) for name in asked.written}


def _same(name: str) -> str:
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def test_a_first_name_too_long_for_a_subject_is_cut_at_its_first_dot() -> None:
    long = "kvm1." + ".".join(["a" * 30] * 3)
    assert names.names([long]).common == "kvm1"
    assert names.names([long]).written == (long,)


def test_pieces_of_a_subject_come_in_one_order_however_they_were_given() -> None:
    assert subject("alice", pieces="OU=night,O=IBM,C=us,L=Ulm,ST=BW") == (
        "C=US,ST=BW,L=Ulm,O=IBM,OU=libvirt client,OU=night,CN=alice"
    )
    assert subject("alice", pieces=r"O=IBM\, Inc") == r"O=IBM\, Inc,OU=libvirt client,CN=alice"


@pytest.mark.parametrize(
    "pieces",
    [
        "X=1",
        "O",
        "=",
        "O=a,O=b",
        "C=USA",
        "O=",
        "O=" + "a" * 65,
        "OU=libvirt client",
        "OU=VNC Server",
        "O=a\nb",
        "CN=x",
    ],
)
def test_pieces_that_make_no_sense_are_refused(pieces: str) -> None:
    with pytest.raises(Complaint):
        names.pieces(pieces)


def test_a_name_is_as_long_as_its_bytes() -> None:
    assert names.person("ü" * 32) == "ü" * 32
    with pytest.raises(Complaint, match="1 to 64 bytes"):
        names.person("ü" * 33)


@given(
    st.text(min_size=1, max_size=64),
    st.text(min_size=1, max_size=40),
    st.sampled_from(ROLES),
    st.sampled_from(["libvirt", "vnc", "nbd"]),
)
def test_no_name_and_no_piece_passes_for_a_client_of_libvirt(common: str, org: str, role: str, use: str) -> None:
    purpose = Purpose(use, role)  # type: ignore[arg-type]
    try:
        person, organisation = names.person(common), dict(names.pieces("O=" + org.replace(",", r"\,")))["O"]
        made = spelled(names.subject(person, purpose, (), "Example Org").public_bytes())
        other = spelled(names.subject(person, purpose, (("O", organisation),), "Example Org").public_bytes())
    except (Complaint, KeyError):
        return
    pattern = "O=Example Org,OU=libvirt client,CN=*"
    assert matches(pattern, made) is (purpose == CLIENT)
    assert matches(pattern, other) is (purpose == CLIENT and organisation == "Example Org")


def test_every_mark_is_known_as_one() -> None:
    assert all(is_mark(purpose.mark) for role in ROLES for purpose in purposes(role, "all,qemu,rdp"))
    assert not is_mark("virtualization")


@pytest.mark.parametrize("uses", ["", ",", "vcn", "libvirt,,x"])
def test_a_use_that_there_is_not_is_refused(uses: str) -> None:
    with pytest.raises(Complaint, match="--uses takes"):
        purposes("server", uses)


def test_a_host_is_dialled_by_its_own_addresses_and_not_by_those_that_only_guests_see() -> None:
    listed = [
        {"ifname": "lo", "addr_info": [{"local": "127.0.0.1"}, {"local": "::1"}]},
        {"ifname": "eth0", "addr_info": [
            {"local": "192.0.2.10"}, {"local": "2001:db8::10"}, {"local": "fe80::1"},
            {"local": "2001:db8::dead", "temporary": True}, {"local": "169.254.1.1"}, {}, "?",
        ]},
        {"ifname": "virbr0", "addr_info": [{"local": "192.168.122.1"}]},
        "?",
    ]  # fmt: skip
    assert addresses_in(listed) == ("192.0.2.10", "2001:db8::10")
