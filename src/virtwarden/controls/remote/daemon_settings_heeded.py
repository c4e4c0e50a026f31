"""What libvirt's conf files say is heeded.

A setting that nothing reads protects nothing. Under socket activation the daemon leaves its sockets to systemd
and passes over every key about them; on a host with the modular daemons libvirtd.conf is dead, as is what the
blueprint has one write there. With both kinds of daemon in use, two of them believe that they own the guests.

Judged: which daemons are in use; keys about sockets in a conf file whose daemon is activated by a socket unit;
`--listen` beside socket units, with which libvirtd does not start; `listen_tcp` and `listen_tls` without it;
keys in the conf files of daemons that are not in use.

Fix: say it where it is heeded: in a drop-in of the socket unit, or in the modular daemon's own conf file.

Proof: the daemon's ports and the modes of its sockets are those that the files say.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.daemon_conf import DaemonConf, DaemonConfs
from virtwarden.facts.daemon_units import DaemonUnits
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.units import Units
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

NETWORK_KEYS = ("listen_tls", "listen_tcp", "tls_port", "tcp_port", "listen_addr")
SOCKET_KEYS = (
    "unix_sock_group",
    "unix_sock_ro_perms",
    "unix_sock_rw_perms",
    "unix_sock_admin_perms",
    "unix_sock_dir",
)
KEEPERS = ("virtlogd", "virtlockd")  # whose keys are others


def check(host: Host) -> Findings:
    libvirt, confs = host.get(Libvirt), host.get(DaemonConfs)
    if libvirt.modular and libvirt.monolithic:
        steps = "disable libvirtd and its sockets, or the modular daemons and theirs, and restart the host"
        message = "libvirtd and the modular daemons are both in use"
        fix = by_hand(Document("unit", "libvirtd.service"), steps)
        yield failed(HOST, message, fix, evidence=libvirt.evidence)
    for daemon in sorted({*confs.confs, *confs.refused} - set(KEEPERS)):
        subject = Subject("daemon", daemon)
        try:
            conf = confs.of(daemon)
            faults = list(_faults(host, libvirt, daemon, conf))
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        for message, evidence, steps in faults:
            fix = by_hand(Document("file", conf.path), steps)
            yield failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
        if not faults:
            cited = Evidence(f"{len(conf.file.conf.entries)} settings, all heeded", path=conf.path)
            yield passed(subject, "what its conf file says is heeded", cited, state=State.ON_DISK)


Fault = tuple[str, list[Evidence], str]


def _faults(host: Host, libvirt: Libvirt, daemon: str, conf: DaemonConf) -> Iterator[Fault]:
    if not (libvirt.monolithic if daemon == "libvirtd" else libvirt.modular):
        keys = tuple(entry.key for entry in conf.file.conf.entries)
        if keys:
            others = "virtproxyd.conf and virtqemud.conf" if daemon == "libvirtd" else "libvirtd.conf"
            message = f"{daemon} is not in use, so nothing reads what {conf.path} sets: {', '.join(keys)}"
            yield message, [conf.cite(key) for key in keys], f"set the keys in {others} and take them out here"
        return
    yield from _unread(host, daemon, conf)


def _unread(host: Host, daemon: str, conf: DaemonConf) -> Iterator[Fault]:
    units, enabled = host.get(DaemonUnits), host.get(Units)
    service = units.service(daemon)
    activated = units.activated(daemon, enabled)
    keys = [key for key in (*NETWORK_KEYS, *SOCKET_KEYS) if activated and conf.file.sets(key)]
    if keys:
        message = f"{', '.join(keys)}: not heeded, as {daemon}.socket opens the sockets"
        steps = f"say it in drop-ins of {daemon}.socket and its kin, and take the keys out"
        yield message, [conf.cite(key) for key in keys], steps
    if activated and service.listens and service.evidence is not None:
        steps = f"take --listen out and enable {daemon}-tls.socket, or mask the socket units"
        yield f"--listen beside {daemon}.socket: {daemon} does not start", [service.evidence], steps
    if daemon == "libvirtd" and not activated and not service.listens:
        for key in ("listen_tcp", "listen_tls"):
            if conf.file.sets(key) and getattr(conf, key):
                yield f"{key} is not heeded without --listen", [conf.cite(key)], f"take {key} out, or add --listen"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-authentication", "tls-step-5-daemon"),
    check=check,
)
