"""The commands that reach hosts and consoles are those that a person would have to work out."""

from __future__ import annotations

import json
import shlex
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import guest
from virtwarden.cli import main
from virtwarden.cli.reaching import Reach, viewing
from virtwarden.cli.reaching.freeport import free_port, is_awaited
from virtwarden.cli.reaching.viewing import Way
from virtwarden.facts.domain import Console

SSH = Reach("kvm7", "ssh", "virtadmin")
TLS = Reach("kvm7", "tls")


@pytest.fixture(autouse=True)
def policy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.delenv("VIRT_WARDEN_SSH_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "policy.toml"
    monkeypatch.setattr("virtwarden.cli.options.POLICY_FILE", path)
    return path


def console(graphics: str) -> Console:
    (found,) = guest(graphics).definitions[0].consoles
    return found


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["connect", *words]) == 0
    return capsys.readouterr().out.strip()


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ((), "virsh -c qemu:///system"),
        (("kvm7",), "virsh -c 'qemu+ssh://kvm7/system?proxy=native'"),
        (
            ("kvm7", "--user", "virtadmin", "--read-only"),
            "virsh -r -c 'qemu+ssh://virtadmin@kvm7/system?proxy=native'",
        ),
        (("2001:db8::7", "--port", "2222"), "virsh -c 'qemu+ssh://[2001:db8::7]:2222/system?proxy=native'"),
        (("kvm7", "--transport", "tls"), "virsh -c qemu+tls://kvm7/system"),
        (("kvm7", "--transport", "tls", "--pkipath", "/a b"), "virsh -c 'qemu+tls://kvm7/system?pkipath=/a%20b'"),
        (("kvm7", "--transport", "tls", "--pkipath", "/\udcff"), "virsh -c 'qemu+tls://kvm7/system?pkipath=/%FF'"),
        (("kvm7", "--transport", "tls", "--pkipath", "/a/../b/"), "virsh -c 'qemu+tls://kvm7/system?pkipath=/b'"),
    ],
)
def test_connect_prints_the_command(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], command: str
) -> None:
    assert told(capsys, *words) == command


def test_the_policy_decides_unless_the_options_do(capsys: pytest.CaptureFixture[str], policy: Path) -> None:
    policy.write_text("[remote]\ntransport = 'tls'\nssh_user = 'virtadmin'\n")
    assert told(capsys, "kvm7") == "virsh -c qemu+tls://kvm7/system"
    assert told(capsys, "kvm7", "--transport", "ssh").endswith("'qemu+ssh://virtadmin@kvm7/system?proxy=native'")


@pytest.mark.parametrize(
    "words",
    [
        ("a/b",), ("-host",), ("u@h",), ("h:22",), ("a b",), ("$(id)",), ("h", "--user", "a;b"), ("h", "--port", "0"),
        ("h", "--transport", "tls", "--user", "x"), ("--user", "x"), ("h", "--pkipath", "/x"), ("",), ("h\n",),
        ("h", "--run", "--json"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_one_sentence(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert main(["connect", *words]) == 3
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)


@given(st.text(min_size=1, max_size=20))
def test_a_host_is_refused_or_stands_in_the_address_as_it_is(name: str) -> None:
    from virtwarden.cli import UsageError  # noqa: PLC0415
    from virtwarden.cli.reaching import _checked  # noqa: PLC0415

    try:
        host = _checked(name, None)
    except UsageError:
        return
    address = urlsplit(Reach(host, "tls").uri())
    assert (address.hostname or "").lower() == host.lower()


def test_json_has_the_words_and_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, "kvm7", "--json"))
    assert shlex.split(found["command"]) == found["argv"]


def ways(graphics: str, reach: Reach = SSH, subject: str | None = None) -> Way:
    made = console(graphics)
    return (
        viewing.tunnelled(reach, made, 6001, subject)
        if reach.transport == "ssh"
        else viewing.over_tls(reach, made, subject)
    )


@pytest.mark.parametrize(
    ("graphics", "far"),
    [
        ("<graphics type='vnc' port='5901' listen='127.0.0.1'/>", "127.0.0.1:5901"),
        ("<graphics type='vnc' port='5901' listen='0.0.0.0'/>", "127.0.0.1:5901"),
        ("<graphics type='vnc' port='5901' listen='::1'/>", "[::1]:5901"),
        ("<graphics type='vnc' port='5901' listen='192.0.2.7'/>", "192.0.2.7:5901"),
        ("<graphics type='vnc'><listen type='socket' socket='/run/x/vnc.sock'/></graphics>", "/run/x/vnc.sock"),
    ],
)
def test_a_tunnel_ends_where_the_console_listens(graphics: str, far: str) -> None:
    way = ways(graphics)
    assert way.tunnel == (
        "ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-L", f"127.0.0.1:6001:{far}", "virtadmin@kvm7",
    )  # fmt: skip
    assert way.viewer == ("remote-viewer", "vnc://127.0.0.1:6001")


def test_spice_with_a_tls_port_alone_is_tunnelled_as_tls() -> None:
    way = ways("<graphics type='spice' tlsPort='5905' listen='127.0.0.1'/>", subject="C=DE,CN=kvm7")
    assert "127.0.0.1:6001:127.0.0.1:5905" in way.tunnel
    assert way.viewer[1] == "spice://127.0.0.1?tls-port=6001"
    assert way.viewer[-1] == "--spice-host-subject=C=DE,CN=kvm7"


def test_over_tls_the_viewer_goes_to_the_port_itself(tmp_path: Path) -> None:
    way = ways("<graphics type='spice' port='5904' tlsPort='5905' listen='192.0.2.7'/>", TLS, "O=X,CN=kvm7")
    authority = f"{tmp_path}/.pki/CA/cacert.pem"
    assert way.tunnel == ()
    assert way.viewer[:2] == ("remote-viewer", "spice://kvm7?tls-port=5905")
    assert way.viewer[2:] == (f"--spice-ca-file={viewing.authority_file()}", "--spice-host-subject=O=X,CN=kvm7")
    assert viewing.authority_file() in (authority, "/etc/pki/CA/cacert.pem")
    vnc = ways("<graphics type='vnc' port='5901' listen='192.0.2.7'/>", TLS)
    assert vnc.viewer == ("remote-viewer", "vnc://kvm7:5901")
    assert "~/.pki" in vnc.remarks[0]


@pytest.mark.parametrize(
    ("graphics", "says"),
    [
        ("<graphics type='vnc' port='5901' listen='127.0.0.1'/>", "listens on that host only"),
        ("<graphics type='vnc'><listen type='socket' socket='/x'/></graphics>", "listens on that host only"),
        ("<graphics type='spice' port='5901' listen='192.0.2.7'/>", "has no TLS port"),
    ],
)
def test_a_console_that_tls_cannot_reach_is_said(graphics: str, says: str) -> None:
    from virtwarden.cli import UsageError  # noqa: PLC0415

    with pytest.raises(UsageError, match=says):
        ways(graphics, TLS)


@pytest.mark.parametrize("path", ["/a:b", "rel", "/a b", "/a\nb", "/%h"])
def test_a_socket_that_ssh_would_misread_is_refused(path: str) -> None:
    from virtwarden.cli import UsageError  # noqa: PLC0415

    with pytest.raises(UsageError, match="cannot be told"):
        viewing._plain(path)


def test_subjects_are_spelled_as_spices_viewer_compares_them() -> None:
    parts = (
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, "IBM, Inc\\x"),
        (NameOID.COMMON_NAME, "kvm7"),
        (NameOID.EMAIL_ADDRESS, "a@b"),
    )
    name = x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])
    assert viewing.openssl_subject(name) == "C=DE,O=IBM\\, Inc\\\\x,CN=kvm7,emailAddress=a@b"


def test_a_port_that_is_taken_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert is_awaited(port)
        assert free_port(port) != port
    assert free_port(port) == port
    assert not is_awaited(port)
    assert free_port(22) != 22
    assert free_port(None) > 0
