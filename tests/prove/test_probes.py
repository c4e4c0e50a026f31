"""What peers say that are not what they should be: nothing of it stops a probe, and nothing of it counts as a yes."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.certs import Authority, Pair
from tests.prove.fakepeer import HERE, peer
from virtwarden.formats import Malformed
from virtwarden.lab import Bearer, Endpoint, Impossible, Met, Person, Reached, VncOffer
from virtwarden.labs.probes import addresses, hello, libvirtrpc, spice
from virtwarden.labs.probes.libvirt import Account
from virtwarden.labs.probes.libvirtrpc import Procedure
from virtwarden.labs.probes.network import Network
from virtwarden.labs.probes.papers import Papers, Wallet, found_in
from virtwarden.labs.probes.scram import Scram
from virtwarden.labs.probes.serving import served
from virtwarden.labs.probes.stranger import by_nobody

PATIENCE = 0.15
RFB = b"RFB 003.008\n"
GARBAGE = (
    b"",
    b"\0",
    b"\xff" * 4096,
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"SSH-2.0-OpenSSH_9.2p1\r\n",
    b"\0" * 200,
)


def network(patience: float = 5.0) -> Network:
    return Network(Wallet(), {Person.OURS: Account("anna", b"secret")}, patience=patience)


Asked = Callable[[Network, Endpoint], Met | VncOffer]
QUESTIONS: dict[str, Asked] = {
    "libvirt in TLS": lambda net, at: net.libvirt(at, Bearer.NOBODY),
    "libvirt in TLS with a certificate": lambda net, at: net.libvirt(at, Bearer.FOREIGN),
    "libvirt in the clear": lambda net, at: net.libvirt(at),
    "libvirt with a log-in": lambda net, at: net.libvirt(at, None, Person.OURS),
    "administration": lambda net, at: net.administration(at),
    "vnc": lambda net, at: net.vnc(at),
    "vnc's offer": lambda net, at: net.vnc_offer(at),
    "spice in the clear": lambda net, at: net.spice(at, encrypted=False),
    "spice in TLS": lambda net, at: net.spice(at, encrypted=True),
    "a websocket": lambda net, at: net.websocket(at, encrypted=False),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_garbage_is_never_taken_for_a_yes(question: str) -> None:
    for said in GARBAGE:
        with peer(said) as at:
            found = QUESTIONS[question](network(PATIENCE), at)
            assert isinstance(found, Met)
            assert found.reached <= Reached.GREETED, said
            assert found.said


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_silent_peer_holds_nothing_up_and_is_no_refusal(question: str) -> None:
    with peer(hangs_up=False) as at:
        started = time.monotonic()
        found = QUESTIONS[question](network(PATIENCE), at)
        assert time.monotonic() - started < PATIENCE + 1
        assert isinstance(found, Met)
        assert (found.silent, found.said) == (True, "no answer in time")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_peer_that_dribbles_holds_nothing_up(question: str) -> None:
    with peer(b"\x16\x03\x03\x40\x00" + b"\0" * 200, hangs_up=False, pause=0.05) as at:
        started = time.monotonic()
        QUESTIONS[question](network(PATIENCE), at)
        assert time.monotonic() - started < PATIENCE + 1


def test_where_nothing_listens_the_connection_is_refused() -> None:
    with peer() as at:
        pass
    for ask in QUESTIONS.values():
        found = ask(network(), at)
        assert isinstance(found, Met)
        assert (found.reached, found.said, found.silent) == (Reached.NOWHERE, "connection refused", False)


@pytest.mark.parametrize("address", ["", "no such name.invalid", "a" * 300, "127.0.0.1\0", "é" * 70])
def test_a_name_that_leads_nowhere_is_no_refusal(address: str) -> None:
    if address:
        met = network().connects(Endpoint(address, 1))
        assert (met.reached, bool(met.said)) == (Reached.NOWHERE, True)


def test_versions_are_unknown_where_it_is_not_tls_that_answers() -> None:
    for said in GARBAGE[2:]:
        with peer(said) as at:
            assert {each.taken for each in network().versions(at, "libvirt")} == {None}
            assert {each.taken for each in network().weak_ciphers(at, "spice")} <= {None, False}


def test_an_alert_is_a_refusal() -> None:
    with peer(b"", b"\x15\x03\x01\x00\x02\x02\x46") as at:
        found = network().versions(at, "libvirt")
    assert {(each.taken, each.said) for each in found} == {(False, "the peer sent the TLS alert protocol version")}


def test_a_server_hello_without_what_follows_is_no_agreement() -> None:
    body = b"\x03\x01" + bytes(32) + b"\0" + b"\x00\x2f" + b"\0"
    record = b"\x02" + len(body).to_bytes(3, "big") + body
    with peer(b"", b"\x16\x03\x01" + len(record).to_bytes(2, "big") + record) as at:
        first = network().versions(at, "libvirt")[0]
    assert (first.what, first.taken) == ("TLS 1.0", False)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
@pytest.mark.parametrize(
    ("words", "taken"),
    [
        (("-min_protocol", "TLSv1", "-cipher", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"), (True, True, True, True)),
        (("-min_protocol", "TLSv1.2", "-max_protocol", "TLSv1.2"), (False, False, True, False)),
        (("-min_protocol", "TLSv1.3"), (False, False, False, True)),
    ],
)
def test_what_a_real_server_takes_is_seen(words: tuple[str, ...], taken: tuple[bool, ...], tmp_path: Path) -> None:
    made = Authority().issue()
    (tmp_path / "both.pem").write_text(made.pem + plain(made))
    with peer() as at:
        pass
    argv = ("openssl", "s_server", "-quiet", "-accept", str(at), "-cert", str(tmp_path / "both.pem"), *words)
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as server:
        net, deadline = Network(Wallet(), patience=5), time.monotonic() + 10
        while net.connects(at).reached is Reached.NOWHERE and time.monotonic() < deadline:
            time.sleep(0.02)
        try:
            assert tuple(each.taken for each in net.versions(at, "libvirt")) == taken
            weak = {each.what: each.taken for each in net.weak_ciphers(at, "libvirt")}
            assert weak["ciphers that do not encrypt"] is taken[0]
            assert weak["ciphers without a certificate"] is taken[0]
        finally:
            server.kill()


def plain(made: Pair) -> str:
    """The key as a server wants it."""
    return made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def test_an_old_vnc_server_is_understood() -> None:
    for said, offered in (
        ((b"RFB 003.003\n", b"", struct.pack(">I", 2) + bytes(16)), (2,)),
        ((b"RFB 003.007\n", b"", b"\x02\x01\x02"), (1, 2)),
        ((b"RFB 004.001\n", b"", b"\x01\x10"), (16,)),
    ):
        with peer(*said) as at:
            found = network().vnc_offer(at)
            assert isinstance(found, VncOffer)
            assert found.types == offered


def test_a_vnc_server_that_says_why_is_quoted() -> None:
    with peer(RFB, b"", b"\0" + struct.pack(">I", 9) + b"too many\n") as at:
        assert network().vnc(at).said == "too many"
    with peer(RFB, b"", b"\x01\x01", b"", struct.pack(">II", 1, 1 << 30)) as at:
        assert network().vnc(at).said == f"a text of {1 << 30} bytes"


def test_a_reply_to_something_else_is_no_session() -> None:
    body = struct.pack(">IIiiIi", libvirtrpc.REMOTE, 1, Procedure.OPEN, 1, 1, 0)
    with peer(b"", struct.pack(">I", len(body) + 4) + body) as at:
        met = network().libvirt(at)
    assert (met.reached, "not asked" in met.said) == (Reached.CONNECTED, True)


def test_a_daemon_that_talks_without_end_is_left() -> None:
    body = struct.pack(">IIiiIi", 0x6B656570, 1, 1, 2, 0, 0)
    with peer(b"", (struct.pack(">I", len(body) + 4) + body) * 100) as at:
        assert "among many messages" in network().libvirt(at).said


def test_nothing_is_served_where_there_is_no_tls() -> None:
    for speech in ("libvirt", "vnc", "spice", "nbd"):
        with peer(b"nothing\n") as at, pytest.raises(Impossible, match="serves no certificate"):
            served(HERE, at.port, speech, 1.0)


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_a_message_or_malformed(data: bytes) -> None:
    for read in (
        libvirtrpc.parse,
        libvirtrpc.authentications,
        spice.parse,
        hello.agreed,
        lambda data: libvirtrpc.Reader(data).wide(),
        lambda data: libvirtrpc.length(data[:4]),
        Scram("SCRAM-SHA-256", "anna", b"secret", "abc").final,
    ):
        try:
            read(data)
        except Malformed:
            continue


@given(st.text(max_size=50), st.integers(0, 2**32 - 1), st.binary(max_size=40))
def test_what_is_said_in_libvirts_words_is_read_back(name: str, serial: int, data: bytes) -> None:
    said = libvirtrpc.call(66, serial, libvirtrpc.text(name) + libvirtrpc.wide(data))
    assert libvirtrpc.length(said[:4]) == len(said) - 4
    message = libvirtrpc.parse(said[4:])
    reader = libvirtrpc.Reader(message.payload)
    assert (message.serial, reader.text(), reader.number(), reader.wide()) == (serial, name, 0, data)


@given(st.integers(0x0301, 0x0304), st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40))
def test_a_hello_has_the_lengths_that_it_says(version: int, ciphers: list[int]) -> None:
    said = hello.hello(version, tuple(ciphers))
    assert int.from_bytes(said[3:5], "big") == len(said) - 5
    assert int.from_bytes(said[6:9], "big") == len(said) - 9


def test_scram_is_that_of_the_rfc() -> None:
    """The example of RFC 7677."""
    scram = Scram("SCRAM-SHA-256", "user", b"pencil", "rOprNGfwEbeRWgbNEkqO")
    assert scram.first() == b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    final = scram.final(f"r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096".encode())
    assert final == f"c=biws,r={nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=".encode()
    assert scram.is_proved(b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")
    assert not scram.is_proved(b"v=AAAA")


def test_a_server_that_would_have_us_work_for_hours_is_refused() -> None:
    scram = Scram("SCRAM-SHA-256", "user", b"pencil", "abc")
    for rounds in ("0", "9999999", "99999999999", "-1", "٣"):
        with pytest.raises(Malformed):
            scram.final(f"r=abcd,s=AAAA,i={rounds}".encode())


def test_own_addresses_are_read_from_what_ip_says() -> None:
    said = (
        "1: lo    inet 127.0.0.1/8 scope host lo\\       valid_lft forever\n"
        "1: lo    inet6 ::1/128 scope host \\       valid_lft forever\n"
        "2: eth0    inet 192.0.2.10/24 brd 192.0.2.255 scope global eth0\n"
        "2: eth0    inet6 fe80::1/64 scope link \\\n3: tun0    inet 198.51.100.7 peer 198.51.100.8/32 scope global\n"
    )
    assert addresses.listed(said) == ("127.0.0.1", "::1", "192.0.2.10", "198.51.100.7")


@pytest.mark.parametrize("what", ["missing", "a folder", "empty", "binary", "huge", "a pipe"])
def test_papers_that_are_none_are_named(what: str, tmp_path: Path) -> None:

    path = tmp_path / "clientcert.pem"
    make: dict[str, Callable[[], object]] = {
        "missing": lambda: None,
        "a folder": path.mkdir,
        "empty": path.touch,
        "binary": partial(path.write_bytes, bytes(range(256)) * 9),
        "huge": partial(path.write_bytes, bytes(2 << 20)),
        "a pipe": partial(os.mkfifo, path),
    }
    make[what]()
    (tmp_path / "clientkey.pem").write_text("no key")
    with peer(b"") as at, pytest.raises(Impossible, match=r"clientcert\.pem"):
        Network(Wallet({Bearer.OURS: Papers(str(path), str(tmp_path / "clientkey.pem"))})).libvirt(at, Bearer.OURS)
    if what == "missing":
        with pytest.raises(Impossible, match=r"no clientcert\.pem"):
            found_in(str(tmp_path))


def test_a_key_under_a_passphrase_asks_nobody(tmp_path: Path) -> None:
    made = Authority().issue(purposes=("client",))
    (tmp_path / "clientcert.pem").write_text(made.pem)
    form = (Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    (tmp_path / "clientkey.pem").write_bytes(made.key.private_bytes(*form))
    with peer(b"") as at, pytest.raises(Impossible, match="passphrase"):
        Network(Wallet({Bearer.OURS: found_in(str(tmp_path))})).libvirt(at, Bearer.OURS)


def test_strange_certificates_leave_nothing_behind() -> None:
    with Wallet() as wallet:
        papers = wallet.of(Bearer.FOREIGN)
        assert papers is not None
        assert papers is wallet.of(Bearer.FOREIGN), "made once"
        assert Path(papers.key).read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert not Path(papers.key).exists()


@pytest.mark.skipif("os.geteuid() != 0")
def test_a_stranger_has_no_rights_and_cannot_hold_us_up() -> None:

    met = by_nobody(lambda: Met(Reached.SESSION, f"{os.getresuid()} {os.getgroups()}"), 5)
    assert met.said.endswith("[]")
    assert met.said.startswith("(65534, 65534, 65534)")
    with pytest.raises(Impossible, match="no certificate"):
        by_nobody(partial(_raise, Impossible("no certificate")), 5)
    with pytest.raises(Impossible, match="failed"):
        by_nobody(partial(_raise, RuntimeError("a slip")), 5)
    with pytest.raises(Impossible, match="failed"):
        by_nobody(partial(time.sleep, 60), -4.8)  # type: ignore[arg-type]


def _raise(wrong: Exception) -> Met:
    raise wrong
