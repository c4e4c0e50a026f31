"""Hosts for tests of remote management: libvirt of one kind or the other, units, conf files, listeners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.kit import made
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.units import Unit, Units
from virtwarden.host import Absent, Fact, Host, Stat, Unknown
from virtwarden.model import Evidence

MONOLITHIC = Libvirt(frozenset({"libvirtd"}), modular=False, version=(9, 0, 0))
MODULAR = Libvirt(frozenset({"virtqemud", "virtproxyd"}), modular=True, monolithic=False, version=(10, 10, 0))
SS = ("ss", "-H", "-l", "-n", "-p", "-t", "-u")
SYSTEM = "/usr/lib/systemd/system"
TLS_SOCKET = "[Unit]\nDescription=TLS\n\n[Socket]\nListenStream=16514\nService=libvirtd.service\n"
TCP_SOCKET = "[Socket]\nListenStream=16509\nService=libvirtd.service\n"
SOCKET = "[Socket]\nListenStream=/run/libvirt/libvirt-sock\nService=libvirtd.service\nSocketMode=0666\n"
LISTENING = {"/etc/default/libvirtd": 'LIBVIRTD_ARGS="--listen"\n'}
TLS_ENABLED = {"libvirtd.socket": "enabled", "libvirtd-tls.socket": "enabled"}
DEBIAN = {
    f"{SYSTEM}/libvirtd.socket": SOCKET,
    f"{SYSTEM}/libvirtd-admin.socket": SOCKET.replace("0666", "0600"),
    f"{SYSTEM}/libvirtd-tls.socket": TLS_SOCKET,
    f"{SYSTEM}/libvirtd-tcp.socket": TCP_SOCKET,
    f"{SYSTEM}/libvirtd.service": (
        '[Service]\nEnvironment=LIBVIRTD_ARGS="--timeout 120"\nEnvironmentFile=-/etc/default/libvirtd\n'
        "ExecStart=/usr/sbin/libvirtd $LIBVIRTD_ARGS\n"
    ),
}

File = str | bytes | Unknown | Absent


def units(states: Mapping[str, str]) -> Units:
    """What systemctl says of these unit files."""
    said = ("systemctl", "list-unit-files")
    return Units(
        {name: Unit(name, state, Evidence(f"{name} {state}", argv=said)) for name, state in states.items()}
    )


def remote_host(
    conf: str | Unknown | None = None,
    *known: Fact,
    files: Mapping[str, File] | None = None,
    enabled: Mapping[str, str] | None = None,
    ss: str | Unknown = "",
    stats: Sequence[Stat] = (),
    libvirt: Libvirt = MONOLITHIC,
) -> Host:
    """A host with this libvirtd.conf, or virtproxyd.conf where its libvirt is modular."""
    path = f"/etc/libvirt/{libvirt.remote_daemon}.conf"
    all_files: dict[str, File] = {**({path: conf} if conf is not None else {}), **(files or {})}
    return made(libvirt, units(enabled or {}), *known, files=all_files, stats=stats, commands={SS: ss})
