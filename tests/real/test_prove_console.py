"""`virt-warden prove console` against real QEMU: VNC and SPICE, guarded well and badly, alone and run by libvirt."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.real.credentials import SiteAuthority, for_qemu, lay_out
from tests.real.machine import Config, Machine
from tests.real.plain import PLAIN
from virtwarden.lab import Bearer, Endpoint, Reached, VncOffer
from virtwarden.labs.probes.network import Network
from virtwarden.labs.probes.papers import Wallet, found_in
from virtwarden.labs.probes.serving import served
from virtwarden.model import Observation
from virtwarden.prove.spice import Spice, prove_spice, prove_spice_near
from virtwarden.prove.vnc import Vnc, prove_vnc, prove_vnc_near

pytestmark = pytest.mark.libvirt
HERE = "127.0.0.1"
QEMU = ("qemu-system-x86_64", "-machine", "none", "-nodefaults", "-display", "none", "-S")
Start = Callable[..., Endpoint]


class Qemus:
    """QEMU processes that serve consoles of whatever kind, on ports of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._running: list[subprocess.Popen[bytes]] = []

    def free(self) -> int:
        with closing(socket.socket()) as found:
            found.bind((HERE, 0))
            return int(found.getsockname()[1])

    def vnc(self, options: str, *more: str) -> Endpoint:
        """VNC with these options; display numbers are ports less 5900."""
        port = max(self.free(), 5900)
        self._start("-vnc", f"{HERE}:{port - 5900}{options}", *more, port=port)
        return Endpoint(HERE, port)

    def spice(self, options: str, *, plain: int = 0, secured: int = 0) -> None:
        ports = (f"port={plain}" if plain else "", f"tls-port={secured}" if secured else "")
        self._start("-spice", ",".join((*filter(None, ports), f"addr={HERE}", options)), port=plain or secured)

    def unix(self, path: Path) -> Endpoint:
        self._start("-vnc", f"unix:{path}", path=path)
        return Endpoint(path=str(path))

    def nbd(self, disk: Path, option: str, credentials: str) -> Endpoint:
        port = self.free()
        words = ("qemu-nbd", "-t", "-e", "8", "-b", HERE, "-p", str(port), "-f", "raw", f"-{option}", credentials)
        self._start(*words, "--tls-creds", "t", str(disk), port=port, program=())
        return Endpoint(HERE, port)

    def _start(
        self, *words: str, port: int = 0, path: Path | None = None, program: tuple[str, ...] = QEMU
    ) -> None:
        log = (self.folder / f"{len(self._running)}.log").open("wb")
        process = subprocess.Popen((*program, *words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=PLAIN)
        self._running.append(process)
        deadline = time.monotonic() + 30
        while not (path.exists() if path else self._answers(port)):
            assert process.poll() is None, (self.folder / f"{len(self._running) - 1}.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _answers(self, port: int) -> bool:
        listening = Path("/proc/net/tcp").read_text()
        return f":{port:04X} 00000000:0000 0A" in listening

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()


class Site:
    """An authority, a server, our client and strangers."""

    def __init__(self, folder: Path) -> None:
        self.authority = SiteAuthority()
        self.server = self.authority.issue("O=Example,CN=kvm1", "server", names=("kvm1.example.org",))
        self.qemu = for_qemu(folder / "qemu", self.authority, self.server)
        self.ours = lay_out(folder / "ours", self.authority, self.authority.issue("O=Example,CN=admin"))
        expired = self.authority.issue("O=Example,CN=admin", days=-1)
        self.expired = lay_out(folder / "expired", self.authority, expired)

    def tls(self, verify: str, **more: str) -> tuple[str, str]:
        extra = "".join(f",{key}={value}" for key, value in more.items())
        return "-object", f"tls-creds-x509,id=t,dir={self.qemu},endpoint=server,verify-peer={verify}{extra}"

    def prober(self) -> Network:
        given = {Bearer.OURS: found_in(self.ours), Bearer.EXPIRED: found_in(self.expired)}
        return Network(Wallet(given), authority=f"{self.ours}/cacert.pem")


@pytest.fixture(scope="module")
def site(real_hosts: None, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def qemus(real_hosts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Qemus]:
    made = Qemus(tmp_path_factory.mktemp("qemu"))
    try:
        yield made
    finally:
        made.end()


def came_out(found: Iterable[Observation]) -> dict[str, bool | None]:
    """Each claim without the place, and how it came out."""
    return {each.claim.partition(" at ")[2].partition(" ")[2] or each.claim: each.holds for each in found}


def named(found: Iterable[Observation], holds: bool | None) -> set[str]:
    """The claims that came out so."""
    return {claim for claim, how in came_out(found).items() if how is holds}


STRANGE = {
    "is closed to a client without a certificate",
    "is closed to a client whose certificate signs itself",
    "is closed to a client of a foreign authority that bears the same names",
    "is closed to a client whose certificate has expired",
}
UNGIVEN = {"is closed to a client whose certificate was revoked"}
OLD_TLS = "agrees to no TLS before 1.2"
WEAK_CIPHERS = "agrees to no cipher that is broken or leaves out encryption or the certificate"
ONLY_TLS = "offers nothing but TLS with a certificate"
LOCAL = "is closed to a local user without rights"


def test_vnc_that_verifies_certificates_holds(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc(",tls-creds=t", *site.tls("on", priority="NORMAL:-VERS-TLS1.0:-VERS-TLS1.1"))
    found = list(prove_vnc(site.prober(), Vnc("web", at)))
    assert named(found, False) == set()
    assert named(found, None) == UNGIVEN
    assert named(found, True) >= STRANGE
    assert named(prove_vnc_near(site.prober(), Vnc("web", at)), True) == {LOCAL}
    shown = served(HERE, at.port, "vnc")
    assert shown.chain == (site.server.certificate,)


def test_vnc_in_tls_that_takes_any_client_does_not_hold(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc(",tls-creds=t", *site.tls("off", priority="NORMAL"))
    found = list(prove_vnc(site.prober(), Vnc("web", at)))
    assert named(found, False) == STRANGE | {OLD_TLS}
    assert named(prove_vnc_near(site.prober(), Vnc("web", at)), False) == {LOCAL}


def test_vnc_in_tls_with_no_more_than_a_password_does_not_hold(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc(",tls-creds=t,password=on", *site.tls("off"))
    found = list(prove_vnc(site.prober(), Vnc("web", at)))
    assert named(found, False) >= STRANGE
    assert "eight characters" in next(each.seen for each in found if "without a certificate" in each.claim)


def test_vnc_in_the_clear_does_not_hold(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc("")
    found = list(prove_vnc(site.prober(), Vnc("web", at)))
    assert named(found, False) == STRANGE | {ONLY_TLS}
    assert {OLD_TLS, WEAK_CIPHERS} <= named(found, None), "there is no TLS that could be old"
    assert named(prove_vnc_near(site.prober(), Vnc("web", at)), False) == {LOCAL}


def test_vnc_with_a_password_alone_does_not_hold(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc(",password=on")
    found = list(prove_vnc(site.prober(), Vnc("web", at)))
    assert named(found, False) == STRANGE | {ONLY_TLS}
    assert site.prober().vnc_offer(at) == VncOffer("3.8", (2,))


def test_vnc_in_tls_without_a_certificate_does_not_hold(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc(",tls-creds=t", "-object", "tls-creds-anon,id=t,endpoint=server")
    found = list(prove_vnc(site.prober(), Vnc("web", at)))
    assert STRANGE | {ONLY_TLS, WEAK_CIPHERS} <= named(found, False)
    assert site.prober().vnc_offer(at) == VncOffer("3.8", (19,), (257,))


def test_broken_ciphers_are_seen_where_they_are_allowed(qemus: Qemus, site: Site) -> None:
    for cipher in ("ARCFOUR-128", "3DES-CBC", "NULL"):
        at = qemus.vnc(",tls-creds=t", *site.tls("on", priority=f"NORMAL:+{cipher}"))
        assert WEAK_CIPHERS in named(prove_vnc(site.prober(), Vnc("web", at)), False), cipher


def test_what_an_nbd_server_serves_is_seen(qemus: Qemus, site: Site, tmp_path: Path) -> None:
    (tmp_path / "disk").write_bytes(bytes(1 << 20))
    at = qemus.nbd(tmp_path / "disk", *site.tls("on"))
    assert served(HERE, at.port, "nbd").chain == (site.server.certificate,)


def test_a_vnc_log_in_by_name_counts_as_much_as_a_certificate(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc(",tls-creds=t,sasl=on", *site.tls("off"))
    found = {each.claim: each for each in prove_vnc(site.prober(), Vnc("web", at))}
    met = site.prober().vnc(at)
    assert site.prober().vnc_offer(at) == VncOffer("3.8", (19,), (263,))
    assert (met.reached, met.asks) == (Reached.ADMITTED, ("sasl",))
    closed = found[f"VNC of web at {at} is closed to a client without a certificate"]
    weak = {"ANONYMOUS", "PLAIN", "LOGIN", "DIGEST-MD5", "CRAM-MD5", "NTLM"} & set(met.mechanisms)
    assert closed.holds is not bool(weak)


def test_a_websocket_in_the_clear_does_not_hold(qemus: Qemus, site: Site) -> None:
    for verify, options, holds in (("on", ",tls-creds=t", True), ("", "", False)):
        port = qemus.free()
        at = qemus.vnc(f",websocket={port}{options}", *(site.tls(verify) if verify else ()))
        found = list(prove_vnc(site.prober(), Vnc("web", at, Endpoint(HERE, port))))
        assert [each.holds for each in found if "websocket" in each.claim] == [holds]


def test_a_unix_socket_is_closed_to_local_users_unless_its_mode_lets_them_in(
    qemus: Qemus, site: Site, tmp_path: Path
) -> None:
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    path = tmp_path / "vnc.sock"
    at = qemus.unix(path)
    path.chmod(0o770)
    assert came_out(prove_vnc_near(site.prober(), Vnc("web", at))) == {LOCAL: True}
    path.chmod(0o777)
    assert came_out(prove_vnc_near(site.prober(), Vnc("web", at))) == {LOCAL: False}
    path.unlink()
    assert came_out(prove_vnc_near(site.prober(), Vnc("web", at))) == {LOCAL: None}, "nor could we"


def spice(qemus: Qemus, site: Site, options: str, *, plain: bool, secured: bool) -> Spice:
    """A SPICE server with a port in the clear, one in TLS, or both."""
    ports = (qemus.free() if plain else 0, qemus.free() if secured else 0)
    qemus.spice(f"x509-dir={site.qemu},{options}", plain=ports[0], secured=ports[1])
    return Spice("web", *(Endpoint(HERE, port) if port else None for port in ports))


def test_spice_in_tls_with_a_password_holds(qemus: Qemus, site: Site) -> None:
    for plain in (False, True):
        target = spice(qemus, site, "tls-channel=default", plain=plain, secured=True)
        found = [*prove_spice(site.prober(), target), *prove_spice_near(site.prober(), target)]
        assert [each for each in found if each.holds is not True] == []
        assert served(HERE, target.secured.port, "spice").version == "TLSv1.3" if target.secured else False


def test_spice_that_links_in_the_clear_does_not_hold(qemus: Qemus, site: Site) -> None:
    both = spice(qemus, site, "disable-ticketing=on", plain=True, secured=True)
    found = {each.claim: each for each in prove_spice(site.prober(), both)}
    clear = found["SPICE of web links no channel in the clear"]
    assert (clear.holds, "main, inputs" in clear.seen) == (False, True)
    assert found[f"SPICE of web at {both.plain} gives no session to somebody without its password"].holds is False
    assert (
        found[f"SPICE of web at {both.secured} gives no session to somebody without its password"].holds is False
    )
    assert {each.holds for each in prove_spice_near(site.prober(), both)} == {False}


def test_spice_with_some_channels_in_tls_alone_is_seen_as_it_is(qemus: Qemus, site: Site) -> None:
    some = spice(qemus, site, "tls-channel=main", plain=True, secured=True)
    found = {each.claim: each for each in prove_spice(site.prober(), some)}
    clear = found["SPICE of web links no channel in the clear"]
    assert (clear.holds, "main" in clear.seen, "inputs" in clear.seen) == (False, False, True)


def test_probing_throws_nobody_out(qemus: Qemus, site: Site) -> None:
    at = qemus.vnc("")
    with socket.create_connection((HERE, at.port), 5) as watching:
        watching.settimeout(5)
        watching.recv(12)
        watching.sendall(b"RFB 003.008\n")
        watching.recv(16)
        watching.sendall(b"\x01")
        assert watching.recv(4) == bytes(4)
        watching.sendall(b"\x01")
        list(prove_vnc(site.prober(), Vnc("web", at)))
        assert len(watching.recv(24)) == 24, "the size of the screen"


GUEST = """\
<domain type='qemu'>
  <name>watched</name>
  <memory unit='KiB'>16384</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>
    <graphics type='vnc' port='-1' autoport='yes'><listen type='address' address='{vnc}'/></graphics>
    <graphics type='spice' {spice}><listen type='address' address='{listen}'/></graphics>
    <video><model type='vga'/></video>
  </devices>
</domain>
"""
SECURE = "autoport='no' tlsPort='5950' defaultMode='secure' passwd='secret12'"


def test_the_consoles_of_a_real_guest(site: Site, tmp_path: Path) -> None:
    files = {
        "/etc/libvirt/qemu.conf": 'vnc_tls = 1\nvnc_tls_x509_verify = 1\nspice_tls = 1\nsecurity_driver = "none"\n',
        "/etc/libvirt/libvirtd.conf": "",
    }
    for use in ("vnc", "spice"):
        for name in ("ca-cert.pem", "server-cert.pem", "server-key.pem"):
            files[f"/etc/pki/libvirt-{use}/{name}"] = (Path(site.qemu) / name).read_text()
    with Machine(Config(files=files, services=("virtlogd", "libvirtd"))) as machine:
        guarded = GUEST.format(vnc="192.0.2.10", spice=SECURE, listen="192.0.2.10")
        machine.ask("virsh", "-q", "create", "/dev/stdin", given=guarded)
        code, found = proved(machine, site)
        assert (code, {claim for claim, holds in found.items() if holds is False}) == (
            1,
            {"VNC of watched at 192.0.2.10:5900 agrees to no TLS before 1.2"},
        ), "which is the system's own default"
        assert "SPICE of watched links no channel in the clear" in found
        assert found["VNC of watched at 192.0.2.10:5900 is closed to a client without a certificate"]
        machine.ask("virsh", "-q", "destroy", "watched")
        machine.write("/etc/libvirt/qemu.conf", 'security_driver = "none"\nvnc_auto_unix_socket = 1\n')
        machine.restart_service("libvirtd")
        open_to_all = GUEST.format(vnc="0.0.0.0", spice="autoport='yes'", listen="127.0.0.1")
        machine.ask("virsh", "-q", "create", "/dev/stdin", given=open_to_all)
        code, found = proved(machine, site)
        assert code == 1
        assert found["VNC of watched at 192.0.2.10:5900 offers nothing but TLS with a certificate"] is False
        assert found["SPICE of watched at 127.0.0.1:5901 gives no session to a local user without rights"] is False
        machine.ask("virsh", "-q", "destroy", "watched")
        hidden = open_to_all.replace("<listen type='address' address='0.0.0.0'/>", "<listen type='socket'/>")
        machine.ask("virsh", "-q", "create", "/dev/stdin", given=hidden)
        code, found = proved(machine, site)
        sockets = {claim: holds for claim, holds in found.items() if "vnc.sock" in claim}
        assert list(sockets.values()) == [True]
        assert found["SPICE of watched at 127.0.0.1:5900 gives no session to a local user without rights"] is False


def proved(machine: Machine, site: Site) -> tuple[int, dict[str, bool | None]]:
    words = ("prove", "console", "--json", "--pkipath", site.ours, "--expired", site.expired)
    done = machine.run(sys.executable, "-m", "virtwarden", *words)
    assert not done.stderr, done.stderr
    return done.returncode, {each["claim"]: each["holds"] for each in json.loads(done.stdout)["observations"]}
