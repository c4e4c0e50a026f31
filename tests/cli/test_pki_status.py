"""`virt-warden pki status`: what ends when, what is served at each port, and by which exit code that is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta

import pytest

from tests.certs import Authority
from tests.kit import NOW, guest, guests, refusing
from tests.remotehost import remote_host
from virtwarden.cli.pki import status
from virtwarden.cli.pki.standing import Port, endings, ports
from virtwarden.facts.guests import Guests
from virtwarden.facts.pki import Pki
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.lab import Impossible, Served, Speech

AUTHORITY = Authority()
OLD, NEW = AUTHORITY.issue(), AUTHORITY.issue()
LIBVIRT, VNC, SPICE, DEFAULT = (
    "/etc/pki/libvirt/servercert.pem",
    "/etc/pki/libvirt-vnc/server-cert.pem",
    "/etc/pki/libvirt-spice/server-cert.pem",
    "/etc/pki/qemu/server-cert.pem",
)
OPEN = 'tcp LISTEN 0 128 {} *:* users:(("libvirtd",pid=8,fd=3))\n'
CONSOLE = "<graphics type='{}' {}='{}' listen='{}'><listen type='address' address='{}'/></graphics>"


def console(kind: str = "vnc", address: str = "192.0.2.10", port: int = 5901) -> Guests:
    key = "tlsPort" if kind == "spice" else "port"
    return guests(guest(CONSOLE.format(kind, key, port, address, address), running=True))


def host(
    files: Mapping[str, str], *, ss: str | Unknown = "", running: Guests | None = None, conf: str = ""
) -> Host:
    qemu = QemuConf(vnc_tls=True, spice_tls=True)
    return remote_host(conf, qemu, running or guests(), files={**files}, ss=ss)


def told(host: Host, served: Mapping[tuple[str, int, str], str] | None = None) -> list[Port]:
    """What is told where this is served, and nothing anywhere else."""

    def look(address: str, port: int, speech: Speech) -> Served:
        try:
            return Served(((served or {})[address, port, speech],), "TLSv1.3", "AES")
        except KeyError:
            raise Impossible(f"{address}:{port} serves no certificate: connection refused") from None

    return list(ports(host, host.get(Pki), look))


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("192.0.2.10:16514", "192.0.2.10"),
        ("*:16514", "127.0.0.1"),
        ("0.0.0.0:16514", "127.0.0.1"),
        ("[::]:16514", "::1"),
    ],
)
def test_what_libvirt_serves_is_compared_where_it_listens(listens: str, asked: str) -> None:
    at = host({LIBVIRT: NEW.pem}, ss=OPEN.format(listens))
    (same,) = told(at, {(asked, 16514, "libvirt"): NEW.pem})
    assert (same.who, same.file, same.same) == ("libvirtd", LIBVIRT, True)
    (other,) = told(at, {(asked, 16514, "libvirt"): OLD.pem})
    assert other.same is False
    assert other.said.endswith(": restart libvirtd, which then reads the file")
    (silent,) = told(at)
    assert (silent.same, silent.said.rpartition(": ")[2]) == (None, "connection refused")


def test_a_file_that_the_conf_names_is_the_one_that_ought_to_be_served() -> None:
    at = host({"/srv/c.pem": NEW.pem}, ss=OPEN.format("*:16514"), conf='cert_file = "/srv/c.pem"\n')
    assert [(p.file, p.same) for p in told(at, {("127.0.0.1", 16514, "libvirt"): NEW.pem})] == [
        ("/srv/c.pem", True)
    ]


@pytest.mark.parametrize(("kind", "place"), [("vnc", VNC), ("spice", SPICE), ("vnc", DEFAULT), ("spice", DEFAULT)])
def test_a_guest_that_serves_an_old_certificate_says_what_to_do(kind: Speech, place: str) -> None:
    at = host({place: NEW.pem}, running=console(kind))
    (same,) = told(at, {("192.0.2.10", 5901, kind): NEW.pem})
    assert (same.who, same.where, same.file, same.same) == (
        f"{kind.upper()} of web",
        "192.0.2.10:5901",
        place,
        True,
    )
    (other,) = told(at, {("192.0.2.10", 5901, kind): OLD.pem})
    assert other.same is False
    assert ": start the guest anew" in other.said
    assert ("virsh domdisplay-reload web --type vnc" in other.said) is (kind == "vnc")


def test_an_address_of_ipv6_is_written_with_its_port() -> None:
    (found,) = told(host({VNC: NEW.pem}, running=console(address="2001:db8::1")))
    assert found.where == "[2001:db8::1]:5901"


def test_consoles_without_a_port_or_without_tls_are_not_asked() -> None:
    assert told(host({VNC: NEW.pem}, running=console(port=-1))) == []
    plain = remote_host("", QemuConf(), console())
    assert told(plain) == []


def test_what_is_served_is_not_known_where_nothing_could_be_read() -> None:
    (found,) = told(host({}, ss=OPEN.format("*:16514")), {("127.0.0.1", 16514, "libvirt"): NEW.pem})
    assert (found.same, found.said) == (None, f"{LIBVIRT} holds no certificate that could be read")


@pytest.mark.parametrize(
    "at",
    [
        host({LIBVIRT: NEW.pem}, ss=Unknown("ss: denied")),
        host({LIBVIRT: NEW.pem}, running=Guests(liveness="libvirt was not asked")),
        remote_host("", QemuConf(), files={"/run/libvirt/qemu/*.xml": Unknown("denied")}),
        refusing(),
    ],
)
def test_what_runs_is_unknown_where_it_cannot_be_told(at: Host) -> None:
    found = list(ports(at, Pki()))
    assert [port.same for port in found if port.same is None]


def test_the_next_to_end_comes_first() -> None:
    late, soon = AUTHORITY.issue(days=300), AUTHORITY.issue(days=3)
    found = endings(host({LIBVIRT: late.pem, VNC: soon.pem}).get(Pki))
    assert [each.path for each in found] == [VNC, LIBVIRT]


Case = tuple[Mapping[str, str], bool | None, tuple[str, ...], int]


def run(monkeypatch: pytest.MonkeyPatch, files: Mapping[str, str], served: Port | None, *words: str) -> int:
    made = host(files)
    monkeypatch.setattr("virtwarden.cli.options.policy_of", lambda _: (Policy(), None))
    monkeypatch.setattr("virtwarden.host.Host", lambda *_: made)
    monkeypatch.setattr("virtwarden.cli.pki.standing.ports", lambda *_: [] if served is None else [served])
    return status.run([*words])


@pytest.mark.parametrize(
    "case",
    [
        ({LIBVIRT: NEW.pem}, True, (), 0),
        ({}, None, (), 2),
        ({LIBVIRT: NEW.pem}, False, (), 1),
        ({LIBVIRT: NEW.pem}, None, (), 2),
        ({LIBVIRT: NEW.pem}, True, ("--days", "36500"), 1),
        ({LIBVIRT: AUTHORITY.issue(days=31).pem}, True, (), 1),
        ({LIBVIRT: AUTHORITY.issue(days=31).pem}, True, ("--days", "3"), 0),
        ({LIBVIRT: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, True, (), 2),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_the_exit_code_tells_the_worst(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: Case, form: tuple[str, ...]
) -> None:
    files, same, words, code = case
    served = Port("*:16514", "libvirtd", LIBVIRT, same, "said\udcff\x1b[0m")
    assert run(monkeypatch, files, served, *words, *form) == code
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.encode("utf-8")
    if form:
        assert set(json.loads(out)) == {"ends", "served", "unread"}
        (port,) = json.loads(out)["served"]
        assert (port["who"], port["same"]) == ("libvirtd", same)


def test_what_ended_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    ended = AUTHORITY.issue(starts=NOW - timedelta(days=40), days=39)
    assert run(monkeypatch, {LIBVIRT: ended.pem}, None) == 1
    assert "ended" in capsys.readouterr().out
