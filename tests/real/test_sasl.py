"""Users whom `virt-warden sasl` adds log in to a real libvirtd by SCRAM-SHA-256, and others do not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from shutil import which

import pytest

from tests.real.machine import Config, Machine

pytestmark = pytest.mark.libvirt

PROGRAM = (sys.executable, "-m", "virtwarden", "sasl")
CONF = "/etc/sasl2/libvirt.conf"
DATABASE = "/etc/libvirt/passwd.db"
SCRAM = f"mech_list: scram-sha-256\nsasldb_path: {DATABASE}\n"
LIBVIRTD = 'auth_unix_rw = "sasl"\nsasl_allowed_username_list = [ "alice", "carol@*" ]\n'
AUTH = "[credentials-test]\nauthname={}\npassword={}\n[auth-libvirt-{}]\ncredentials=test\n"


@pytest.fixture(scope="module")
def machine(real_hosts: None) -> Iterator[Machine]:
    """A host whose libvirt asks for SASL on its socket, with the user alice; all readiness is hers."""
    if which("saslpasswd2", path="/usr/sbin:/usr/bin") is None:
        pytest.skip("saslpasswd2 is not installed")
    files = {CONF: SCRAM, "/etc/libvirt/libvirtd.conf": LIBVIRTD}
    with Machine(Config(name="kvmsasl", files=files, services=("virtlogd",))) as host:
        assert sasl(host, "add", "alice", password="correct horse") == (0, "")
        credentials(host, "/etc/libvirt/auth.conf", "alice", "correct horse")
        host.start_service("libvirtd")
        yield host


def sasl(machine: Machine, *words: str, password: str | None = None) -> tuple[int, str]:
    options = () if password is None else ("--password-fd", "0")
    done = machine.run(*PROGRAM, *words, *options, given=f"{password}\n")
    return done.returncode, done.stderr


def credentials(machine: Machine, path: str, user: str, password: str) -> None:
    machine.write(
        path, AUTH.format(user, password, machine.config.name) + "[auth-libvirt-localhost]\ncredentials=test\n"
    )


def may_log_in(machine: Machine, user: str, password: str) -> bool:
    credentials(machine, "/run/auth.conf", user, password)
    done = machine.run("virsh", "-q", "-c", "qemu:///system?authfile=/run/auth.conf", "list", "--name")
    assert done.returncode == 0 or "authentication failed" in done.stderr, done.stderr
    return done.returncode == 0


def test_the_right_password_opens_a_session_and_a_wrong_one_does_not(machine: Machine) -> None:
    assert may_log_in(machine, "alice", "correct horse")
    assert not may_log_in(machine, "alice", "wrong horse")
    assert not may_log_in(machine, "mallory", "correct horse")


def test_a_user_who_is_not_listed_is_added_with_a_warning_and_kept_out(machine: Machine) -> None:
    code, said = sasl(machine, "add", "bob", password="battery")
    assert (code, said) == (
        0,
        "virt-warden: sasl_allowed_username_list in /etc/libvirt/libvirtd.conf does not name bob: add it there\n",
    )
    assert not may_log_in(machine, "bob", "battery")
    assert sasl(machine, "remove", "bob")[0] == 0


def test_a_new_password_holds_at_once_and_a_removed_user_is_out(machine: Machine) -> None:
    assert sasl(machine, "add", "alice", password="second")[0] == 0
    assert may_log_in(machine, "alice", "second")
    assert not may_log_in(machine, "alice", "correct horse")
    assert sasl(machine, "remove", "alice")[0] == 0
    assert not may_log_in(machine, "alice", "second")
    assert sasl(machine, "add", "alice", password="correct horse")[0] == 0
    assert may_log_in(machine, "alice", "correct horse")


def test_the_database_is_roots_alone_and_listed_as_sasl_does(machine: Machine) -> None:
    assert machine.ask("stat", "-c", "%a %U:%G", DATABASE).strip() == "600 root:root"
    assert machine.ask(*PROGRAM, "list").strip() == "alice@kvmsasl.example.org"
    assert "alice@kvmsasl.example.org: userPassword" in machine.ask("sasldblistusers2", "-f", DATABASE)


@pytest.mark.parametrize(
    ("conf", "says"),
    [
        ("mech_list: gssapi\n", "has no use for passwords"),
        (f"mech_list: digest-md5\nsasldb_path: {DATABASE}\n", "is broken"),
        ("mech_list: scram-sha-256\n", "names no database"),
        (f"mech_list: scram-sha-256\nauxprop_plugin: sql\nsasldb_path: {DATABASE}\n", "takes its users from sql"),
    ],
)
def test_a_set_up_in_which_nobody_could_log_in_is_refused(machine: Machine, conf: str, says: str) -> None:
    before = machine.path(DATABASE).read_bytes()
    machine.write(CONF, conf)
    try:
        code, said = sasl(machine, "add", "dave", password="x")
    finally:
        machine.write(CONF, SCRAM)
    assert (code, says in said) == (3, True), said
    assert machine.path(DATABASE).read_bytes() == before


def test_consoles_have_a_database_that_qemu_reads(machine: Machine) -> None:
    machine.ask("mkdir", "-p", "/etc/qemu")
    machine.write("/etc/sasl2/qemu.conf", "mech_list: scram-sha-256\nsasldb_path: /etc/qemu/passwd.db\n")
    assert sasl(machine, "add", "alice", "--for", "qemu", password="screen") == (0, "")
    assert machine.ask("stat", "-c", "%a %U:%G", "/etc/qemu/passwd.db").strip() == "640 root:libvirt-qemu"
    reader = ("setpriv", "--reuid", "libvirt-qemu", "--regid", "libvirt-qemu", "--clear-groups")
    assert "alice" in machine.ask(*reader, "sasldblistusers2", "-f", "/etc/qemu/passwd.db")
    done = machine.run("setpriv", "--reuid", "nobody", "--clear-groups", "cat", "/etc/qemu/passwd.db")
    assert "Permission denied" in done.stderr


def test_a_password_is_in_no_log(machine: Machine) -> None:
    assert "correct horse" not in machine.log("libvirtd").read_text()
