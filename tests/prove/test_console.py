"""What a proof makes of what was met at consoles."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.kit import guest, guests, made, refusing
from tests.prove.fakeprober import ASKED, IN, OUT, FakeProber
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host
from virtwarden.lab import Bearer, Linked, Met, Reached, VncOffer
from virtwarden.model import Observation
from virtwarden.prove.console import prove_console

VNC = "<graphics type='vnc' port='5900'{}><listen type='{}' {}='{}'/></graphics>"
SPICE = "<graphics type='spice' {}><listen type='address' address='192.0.2.10'/></graphics>"
SECURED = (Linked("main", 0, "no error"), Linked("inputs", 0, "no error"))
NEEDS_TLS = (Linked("main", 5, "only with TLS"), Linked("inputs", 5, "only with TLS"))


def vnc(address: str, more: str = "") -> Host:
    return made(guests(guest(VNC.format(more, "address", "address", address), running=True)), QemuConf())


def spice(ports: str) -> Host:
    return made(guests(guest(SPICE.format(ports), running=True)), QemuConf())


def failed(found: Iterable[Observation]) -> list[str]:
    return [each.claim for each in found if each.holds is False]


def holds(found: Iterable[Observation], part: str) -> list[bool | None]:
    return [each.holds for each in found if part in each.claim]


def test_a_console_that_others_reach_is_tried_by_all() -> None:
    found = list(prove_console(vnc("192.0.2.10"), FakeProber(offer=VncOffer("3.8", (19,), (260, 261)))))
    assert failed(found) == []
    assert len(holds(found, "closed to")) == 6


def test_one_on_the_loopback_is_tried_by_a_local_user() -> None:
    found = list(prove_console(vnc("127.0.0.1"), FakeProber(by_nobody=IN)))
    assert failed(found) == ["VNC of web at 127.0.0.1:5900 is closed to a local user without rights"]
    found = list(prove_console(vnc("127.0.0.1"), FakeProber()))
    assert [each.holds for each in found] == [True]


def test_one_on_a_unix_socket_is_tried_by_its_path() -> None:
    host = made(guests(guest(VNC.format("", "socket", "socket", "/run/x.sock"), running=True)), QemuConf())
    found = list(prove_console(host, FakeProber()))
    assert [(each.claim, each.holds) for each in found] == [
        ("VNC of web at /run/x.sock is closed to a local user without rights", True)
    ]


@pytest.mark.parametrize(
    ("offer", "expected"),
    [
        (VncOffer("3.8", (19,), (260,)), True),
        (VncOffer("3.8", (19,), (263,)), True),
        (VncOffer("3.8", (19, 1), (260,)), False),
        (VncOffer("3.8", (19,), (260, 257)), False),
        (VncOffer("3.8", (19,), ()), False),
        (VncOffer("3.8", (2,)), False),
        (Met(Reached.CONNECTED, "it is not VNC that speaks there"), None),
    ],
)
def test_only_tls_with_a_certificate_may_be_offered(offer: VncOffer | Met, expected: bool | None) -> None:
    found = prove_console(vnc("192.0.2.10"), FakeProber(offer=offer))
    assert holds(found, "offers nothing but") == [expected]


def test_a_log_in_is_as_good_as_a_certificate_and_a_vnc_password_is_not() -> None:
    weak = Met(Reached.ADMITTED, "", asks=("sasl",), mechanisms=("PLAIN",))
    password = Met(Reached.ADMITTED, "", asks=("password",))
    for met, expected in ((ASKED, True), (weak, False), (password, False), (OUT, True), (IN, False)):
        found = prove_console(vnc("192.0.2.10"), FakeProber({Bearer.NOBODY: met}))
        assert holds(found, "without a certificate") == [expected]


def test_spice_without_a_plain_port_holds() -> None:
    prober = FakeProber({Bearer.NOBODY: OUT}, channels={True: SECURED})
    found = list(prove_console(spice("tlsPort='5901'"), prober))
    assert failed(found) == []
    assert holds(found, "in the clear") == [True]


@pytest.mark.parametrize(
    ("plain", "secured", "expected"),
    [
        (NEEDS_TLS, SECURED, True),
        ((NEEDS_TLS[0], Linked("inputs", 0, "no error")), SECURED, False),
        ((NEEDS_TLS[0], Linked("record", None, "closed without a word")), SECURED, None),
        ((Linked("main", None, "closed without a word"),), SECURED, None),
        (NEEDS_TLS, (), None),
    ],
)
def test_no_channel_may_be_linked_in_the_clear(
    plain: tuple[Linked, ...], secured: tuple[Linked, ...], expected: bool | None
) -> None:
    prober = FakeProber(channels={False: plain, True: secured})
    found = prove_console(spice("port='5900' tlsPort='5901'"), prober)
    assert holds(found, "links no channel in the clear") == [expected]


def test_a_guest_that_is_named_and_does_not_run_is_unknown() -> None:
    host = made(guests(guest(VNC.format("", "address", "address", "0.0.0.0"))), QemuConf())
    assert [each.holds for each in prove_console(host, FakeProber(), ("web", "db"))] == [None, None]


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ("", "no running guest has a console that listens"),
        ("<graphics type='vnc'><listen type='none'/></graphics>", "no running guest has a console that listens"),
        ("<graphics type='egl-headless'/>", "no running guest has a console that listens"),
    ],
)
def test_a_proof_that_tried_nothing_proves_nothing(console: str, said: str) -> None:
    host = made(guests(guest(console, running=True)), QemuConf())
    assert [(each.holds, each.seen) for each in prove_console(host, FakeProber())] == [(None, said)]
    (named,) = prove_console(host, FakeProber(), ("web",))
    assert (named.claim, named.holds) == ("the consoles of web are closed to strangers", None)
    (nobody,) = prove_console(made(guests(guest(console)), QemuConf()), FakeProber())
    assert (nobody.holds, nobody.seen) == (None, "no guest runs")


@pytest.mark.parametrize(
    ("console", "said"),
    [
        ("<graphics type='vnc' port='-1' listen='192.0.2.10'/>", "does not tell on which port of 192.0.2.10"),
        ("<graphics type='spice' port='-1' listen='192.0.2.10'/>", "does not tell on which port of 192.0.2.10"),
        ("<graphics type='rdp' port='3389' listen='192.0.2.10'/>", "nobody here speaks RDP"),
    ],
)
def test_a_console_that_cannot_be_tried_is_unknown(console: str, said: str) -> None:
    (found,) = prove_console(made(guests(guest(console, running=True)), QemuConf()), FakeProber())
    assert found.holds is None
    assert said in found.seen


def test_only_named_guests_are_tried() -> None:
    assert [each.claim for each in prove_console(vnc("127.0.0.1"), FakeProber(), ("db",))] == [
        "the consoles of db are closed to strangers"
    ]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert [each.holds for each in prove_console(refusing(), FakeProber())] == [None]
