"""What a proof makes of what was met at libvirt: a refusal alone proves nothing; what could not be tried is unknown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import entry, made, refusing
from tests.prove.fakeprober import ASKED, IN, MODERN, NOWHERE, OUT, SILENT, FakeProber
from tests.remotehost import LISTENING, remote_host
from virtwarden.host import Host
from virtwarden.lab import Bearer, Endpoint, Met, Person, Reached, Taken
from virtwarden.labs.probes.hello import VERSIONS
from virtwarden.model import Observation
from virtwarden.prove.endpoints import spread
from virtwarden.prove.remote import STRANGERS, prove_from_outside, prove_remote, prove_tls
from virtwarden.prove.twins import refused

AT = Endpoint("192.0.2.10", 16514)
TLS = 'tcp LISTEN 0 20 {}:16514 0.0.0.0:* users:(("libvirtd",pid=7,fd=3))\n'


def host(*listens: str) -> Host:
    """A host whose libvirtd listens for TLS on these addresses."""
    ss = "".join(TLS.format(each) for each in listens)
    sockets = [entry("/run/libvirt/libvirt-sock", kind="socket", real="/run/libvirt/libvirt-sock")]
    return remote_host("listen_tls = 1\n", files=LISTENING, ss=ss, stats=sockets)


def by_claim(found: Iterable[Observation]) -> dict[str, Observation]:
    return {each.claim: each for each in found}


def came_out(found: Iterable[Observation]) -> set[bool | None]:
    return {each.holds for each in found}


def closed_to(found: Iterable[Observation]) -> set[bool | None]:
    return {each.holds for each in found if any(f"closed to {who}" in each.claim for who in STRANGERS)}


def test_a_host_that_is_set_up_well_holds() -> None:
    found = list(prove_tls(FakeProber(), AT, "kvm1"))
    assert came_out(found) == {True}
    assert len(found) == 1 + len(STRANGERS) + 4


@pytest.mark.parametrize("twin", [OUT, SILENT, NOWHERE, "there is no certificate of ours"])
def test_no_refusal_counts_where_our_own_client_is_not_let_in(twin: Met | str) -> None:
    assert closed_to(prove_tls(FakeProber({Bearer.OURS: twin}), AT, "kvm1")) == {None}


@pytest.mark.parametrize("bearer", STRANGERS)
@pytest.mark.parametrize(
    ("met", "holds"), [(IN, False), (ASKED, False), (SILENT, None), ("not at hand", None), (OUT, True)]
)
def test_each_stranger_is_judged_by_what_he_met(bearer: Bearer, met: Met | str, holds: bool | None) -> None:
    found = by_claim(prove_tls(FakeProber({bearer: met}), AT, "kvm1"))
    assert found[f"libvirt at {AT} is closed to {bearer}"].holds is holds


def test_a_stranger_who_is_let_in_is_so_whatever_our_client_met() -> None:
    prober = FakeProber({Bearer.NOBODY: IN, Bearer.OURS: "not at hand"})
    assert by_claim(prove_tls(prober, AT, "kvm1"))[f"libvirt at {AT} is closed to {Bearer.NOBODY}"].holds is False


def test_a_port_that_nobody_reaches_is_one_answer() -> None:
    found = list(prove_tls(FakeProber(open=frozenset()), AT, "kvm1"))
    assert [(each.holds, "connection refused" in each.seen) for each in found] == [(None, True)]


@pytest.mark.parametrize(
    ("taken", "holds"),
    [
        (MODERN, True),
        ((replace(MODERN[0], taken=True), *MODERN[1:]), False),
        ((replace(MODERN[0], taken=None), *MODERN[1:]), None),
        ((*MODERN[:2], replace(MODERN[2], taken=False), replace(MODERN[3], taken=False)), None),
    ],
)
def test_old_versions_are_refused_only_where_a_new_one_is_taken(
    taken: tuple[Taken, ...], holds: bool | None
) -> None:
    assert [each.what for each in MODERN] == list(VERSIONS)
    found = by_claim(prove_tls(FakeProber(taken=taken), AT, "kvm1"))
    assert found[f"libvirt at {AT} agrees to no TLS before 1.2"].holds is holds


def test_a_log_in_that_is_asked_for_is_tried() -> None:
    prober = FakeProber({Bearer.OURS: ASKED, Person.OURS: IN})
    found = list(prove_tls(prober, AT, "kvm1"))
    assert came_out(found) == {True}
    assert prober.logged_in == [Person.OURS, Person.MADE_UP, Person.UNLISTED]
    for person in (Person.MADE_UP, Person.UNLISTED):
        found = list(prove_tls(FakeProber({Bearer.OURS: ASKED, person: IN}), AT, "kvm1"))
        assert [each.claim for each in found if each.holds is False] == [f"libvirt at {AT} is closed to {person}"]


def test_a_weak_mechanism_does_not_hold() -> None:
    asked = replace(ASKED, mechanisms=("SCRAM-SHA-256", "DIGEST-MD5"))
    found = by_claim(prove_tls(FakeProber({Bearer.OURS: asked}), AT, "kvm1"))
    assert found[f"libvirt at {AT} offers no broken SASL mechanism"].holds is False


def test_no_password_is_tried_at_a_server_that_does_not_prove_itself() -> None:
    prober = FakeProber({Bearer.OURS: ASKED}, names=frozenset())
    found = by_claim(prove_tls(prober, AT, "kvm1"))
    assert prober.logged_in == []
    assert found[f"libvirt at {AT} opens no session without a log-in"].holds is None


def test_a_certificate_that_is_good_for_every_name_proves_nothing() -> None:
    prober = FakeProber(names=frozenset({"kvm1", "virt-warden-proof.invalid"}))
    found = by_claim(prove_tls(prober, AT, "kvm1"))
    assert found[f"what is served at {AT} proves itself to our clients as kvm1"].holds is False


def test_this_host_is_tried_where_it_listens() -> None:
    claims = by_claim(prove_remote(host("0.0.0.0", "[::]"), FakeProber()))
    assert {claim.split(" lets ")[0] for claim in claims if "lets our client" in claim} == {f"libvirt at {AT}"}
    assert claims["plain TCP to libvirt is closed on every address"].holds is True
    socket = claims["libvirt-sock of libvirtd gives no session to a local user without rights"]
    assert (socket.holds, "got a session" in socket.seen) == (True, True)


def test_what_is_set_up_and_does_not_listen_is_unknown() -> None:
    found = by_claim(prove_remote(host(), FakeProber()))
    assert found["libvirtd is closed to strangers in TLS"].holds is None


def test_an_open_plain_port_does_not_hold_and_one_that_cannot_be_reached_is_unknown() -> None:
    claim = "plain TCP to libvirt is closed on every address"
    is_open = FakeProber(open=frozenset({16509}))
    assert by_claim(prove_remote(host(), is_open))[claim].holds is False
    near = "libvirt at 127.0.0.1:16509, in the clear, gives no session to a local user without rights"
    assert near in by_claim(prove_remote(host(), is_open))
    assert by_claim(prove_remote(host(), FakeProber(reach=NOWHERE)))[claim].holds is None
    assert by_claim(prove_remote(host(), FakeProber(own=())))[claim].holds is None


def test_a_local_user_who_gets_a_session_does_not_hold() -> None:
    claim = "libvirt-sock of libvirtd gives no session to a local user without rights"
    assert by_claim(prove_remote(host(), FakeProber(by_nobody=IN)))[claim].holds is False
    assert by_claim(prove_remote(host(), FakeProber(by_nobody="only root can")))[claim].holds is None


def test_from_outside_a_closed_port_counts_only_beside_an_open_one() -> None:
    for ports, holds in (({16514}, True), (set[int](), None), ({16514, 16509}, False)):
        found = by_claim(prove_from_outside(FakeProber(open=frozenset(ports)), "kvm1"))
        assert found["plain TCP to libvirt is closed at kvm1:16509"].holds is holds


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert came_out(prove_remote(refusing(), FakeProber())) == {None}


def test_a_host_without_libvirt_is_unknown() -> None:
    assert came_out(prove_remote(made(), FakeProber())) == {None}


METS = st.builds(Met, st.sampled_from(Reached), st.just("said"), st.booleans())


@given(METS | st.just("why"), METS | st.just("why"), st.sampled_from([Reached.ADMITTED, Reached.SESSION]))
def test_a_refusal_holds_only_with_its_twin(stranger: Met | str, twin: Met | str, short_of: Reached) -> None:
    holds = refused("it is closed", stranger, twin, short_of).holds
    if holds:
        assert isinstance(twin, Met)
        assert isinstance(stranger, Met)
        assert stranger.reached < short_of <= twin.reached
        assert not stranger.silent
    if isinstance(stranger, Met) and stranger.reached >= short_of:
        assert holds is False


def test_every_address_is_one_that_others_reach() -> None:
    prober = FakeProber(own=("127.0.0.1", "::1", "192.0.2.10", "2001:db8::1"))
    for listened, tried in (
        (("0.0.0.0",), ["192.0.2.10"]),
        (("[::]",), ["2001:db8::1"]),
        (("*",), ["192.0.2.10"]),
        (("127.0.0.1",), ["127.0.0.1"]),
        (("0.0.0.0", "192.0.2.10"), ["192.0.2.10"]),
    ):
        assert [each.address for each in spread(prober, ((address, 1) for address in listened))] == tried
