"""Over TLS: a user logs in to libvirt by name, and a guest's SPICE console is found with the certificate it serves."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.credentials import SiteAuthority, for_qemu, lay_out
from tests.real.guests import Guest, define, start
from tests.real.machine import Config, Machine

pytestmark = pytest.mark.libvirt

WARDEN = (sys.executable, "-m", "virtwarden")
NAME, ADDRESS, DATABASE = "kvmtls", "192.0.2.10", "/etc/libvirt/passwd.db"
LIBVIRTD = 'auth_tls = "sasl"\nauth_unix_rw = "none"\nsasl_allowed_username_list = [ "alice" ]\n'
SCRAM = f"mech_list: scram-sha-256\nsasldb_path: {DATABASE}\n"
SPICE = (
    "<graphics type='spice' autoport='yes' defaultMode='secure'>\n"
    f"  <listen type='address' address='{ADDRESS}'/>\n</graphics>\n"
)
SCREEN = Guest("screen", 13, "Secured console", SPICE)
BARE = Guest("bare", 14, "Console of this host alone", "<graphics type='vnc' port='-1' autoport='yes'/>\n")


@pytest.fixture(scope="module")
def machine(real_hosts: None) -> Iterator[Machine]:
    """A host with TLS and SASL, and a client's certificate in /root/pki."""
    files = {
        "/etc/libvirt/libvirtd.conf": LIBVIRTD,
        "/etc/libvirt/qemu.conf": "spice_tls = 1\n",
        "/etc/sasl2/libvirt.conf": SCRAM,
    }
    with Machine(Config(name=NAME, files=files, services=("virtlogd",))) as host:
        authority = SiteAuthority()
        server = authority.issue(f"O=Example,CN={NAME}", "server", names=(NAME,), addresses=(ADDRESS,))
        host.write("/etc/pki/CA/cacert.pem", authority.certificate)
        host.write("/etc/pki/libvirt/servercert.pem", server.certificate)
        host.write("/etc/pki/libvirt/private/serverkey.pem", server.key)
        folder = for_qemu(host.path("/etc/pki/libvirt-spice"), authority, server)
        host.ask("chown", "-R", "root:libvirt-qemu", "/etc/pki/libvirt-spice")
        assert Path(folder).exists()
        lay_out(host.path("/etc/pki/client"), authority, authority.issue("O=Example,CN=desk"))
        add = host.run(*WARDEN, "sasl", "add", "alice", "--password-fd", "0", given="correct horse\n")
        assert add.returncode == 0, add.stderr
        host.start_service("libvirtd --listen")
        for guest in (SCREEN, BARE):
            define(host, guest)
            start(host, guest.name)
        yield host


def log_in_as(machine: Machine, password: str) -> None:
    machine.write(
        "/etc/libvirt/auth.conf",
        f"[credentials-desk]\nauthname=alice\npassword={password}\n[auth-libvirt-{NAME}]\ncredentials=desk\n",
    )


def test_a_user_logs_in_by_scram_over_tls(machine: Machine) -> None:
    uri = f"qemu+tls://{NAME}/system?pkipath=/etc/pki/client"
    log_in_as(machine, "correct horse")
    assert machine.ask("virsh", "-q", "-c", uri, "uri").strip() == uri
    log_in_as(machine, "wrong horse")
    assert "authentication failed" in machine.run("virsh", "-q", "-c", uri, "uri").stderr


def test_the_console_is_found_with_the_certificate_that_is_served(machine: Machine) -> None:
    log_in_as(machine, "correct horse")
    tls = ("--host", NAME, "--transport", "tls", "--pkipath", "/etc/pki/client")
    (way,) = json.loads(machine.ask(*WARDEN, "console", "screen", *tls, "--json"))["ways"]
    port = machine.ask("virsh", "domdisplay", "screen").strip().rpartition("tls-port=")[2]
    assert way["viewer"] == [
        "remote-viewer", f"spice://{NAME}?tls-port={port}", "--spice-ca-file=/etc/pki/CA/cacert.pem",
        f"--spice-host-subject=O=Example,CN={NAME}",
    ]  # fmt: skip
    refused = machine.run(*WARDEN, "console", "bare", *tls)
    assert (refused.returncode, "listens on that host only" in refused.stderr) == (3, True), refused.stderr


def test_without_a_certificate_nothing_is_told(machine: Machine) -> None:
    refused = machine.run(*WARDEN, "console", "screen", "--host", NAME, "--transport", "tls")
    assert (refused.returncode, refused.stderr.count("\n")) == (3, 1), refused.stderr
