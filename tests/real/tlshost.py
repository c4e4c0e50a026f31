"""A real libvirtd with TLS, and sessions with it: which certificates it takes, and its clients."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.pki.cases import Case, good, server
from tests.real.machine import Config, Machine, wait_until
from tests.real.plain import PLAIN

_CONF = """\
listen_tls = 1
auth_tls = "none"
auth_unix_rw = "none"
auth_unix_ro = "none"
"""
_PID_FILE = "/run/libvirt/libvirtd.pid"
_PKIPATH = "/root/case"
_OTHER_NAMES = ("a.b.example.org", "example.org", "other.example.org")


@dataclass(frozen=True, slots=True)
class _Places:
    """Where one side's files lie; `authority` is the folder of what it trusts."""

    authority: str
    certificate: str
    key: str


_SERVER = _Places("/etc/pki/CA", "/etc/pki/libvirt/servercert.pem", "/etc/pki/libvirt/private/serverkey.pem")
_CLIENT = _Places(_PKIPATH, f"{_PKIPATH}/clientcert.pem", f"{_PKIPATH}/clientkey.pem")


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a session came about, and what was said where it did not."""

    opened: bool
    said: str


class TlsHost:
    """A machine whose libvirtd listens for TLS."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        hosts = machine.read("/etc/hosts")
        machine.write("/etc/hosts", hosts + f"192.0.2.10\t{' '.join(_OTHER_NAMES)}\n")

    def tried(self, case: Case) -> Answer:
        """Whether the daemon takes up these files and a session opens."""
        mine, theirs = (case.chain_pem, case.leaf.key_pem), (case.other.pem, case.other.key_pem)
        if case.role == "client":
            mine, theirs = theirs, mine
        self.install(_SERVER, case, mine)
        self.install(_CLIENT, case, theirs)
        reloaded = self.machine.run("virt-admin", "server-update-tls", "libvirtd")
        if reloaded.returncode:
            return Answer(False, f"start: {reloaded.stderr.strip()}")
        return self.session(case.dial)

    def session(self, name: str) -> Answer:
        """Whether a session opens under this name with what lies ready."""
        host = f"[{name}]" if ":" in name else name
        done = self.machine.run("virsh", "-c", f"qemu+tls://{host}/system?pkipath={_PKIPATH}", "-q", "uri")
        return Answer(done.returncode == 0, f"session: {done.stderr.strip()}")

    def install(self, places: _Places, case: Case, held: tuple[str, str]) -> None:
        """Put one side's files into their places."""
        self.machine.write(f"{places.authority}/cacert.pem", case.trusted_pem)
        self.machine.write(places.certificate, held[0])
        self.machine.write(places.key, held[1])
        listed = self.machine.path(f"{places.authority}/cacrl.pem")
        if case.revoked:
            listed.write_text(case.revoked)
        else:
            listed.unlink(missing_ok=True)


@contextmanager
def tls_host() -> Iterator[TlsHost]:
    """A machine of that kind, its daemon up with sound certificates."""
    start = server("start", good())
    with Machine(
        Config(name="kvmhost", services=("virtlogd",), files={"/etc/libvirt/libvirtd.conf": _CONF})
    ) as made:
        host = TlsHost(made)
        host.install(_SERVER, start, (start.chain_pem, start.leaf.key_pem))
        log = made.log("libvirtd").open("ab")
        argv = (
            "/usr/sbin/libvirtd",
            "--listen",
            "--config",
            "/etc/libvirt/libvirtd.conf",
            "--pid-file",
            _PID_FILE,
        )
        process = subprocess.Popen(
            made._inside(*argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=PLAIN,
            start_new_session=True,
        )
        try:
            wait_until(
                lambda: made.run("virt-admin", "server-list").returncode == 0,
                lambda: f"libvirtd does not answer: {made.log('libvirtd').read_text()[-2000:]}",
                lambda: process.poll() is None,
            )
            yield host
        finally:
            made.run("kill", made.path(_PID_FILE).read_text().strip() if made.path(_PID_FILE).exists() else "0")
            process.wait(timeout=20)
            log.close()
