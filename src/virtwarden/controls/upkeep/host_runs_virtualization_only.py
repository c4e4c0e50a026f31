"""The host runs guests and serves nothing else.

A web, name, mail or file server on the host is a way in that leads past every guest, and its faults are the
host's. It belongs into a guest, where a break-in costs that guest. Desktop services such as printing and
discovery came with the installation and are used by nobody.

Judged: which of the common servers start at boot, and which run. `upkeep.services` of the policy names units
that the site wants; libvirt's own dnsmasq is not a unit and not meant.

Fix: disable the unit, its socket too.

Proof: `systemctl is-enabled` says disabled, and a connect scan finds the port closed.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.policy import Policy, matches
from virtwarden.facts.units import Unit, Units
from virtwarden.host import Host
from virtwarden.judgements import failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Severity, State, Subject

SERVERS = {
    "a web server": ("httpd", "apache2", "nginx", "lighttpd", "caddy", "tomcat", "squid", "haproxy"),
    "a name server": ("named", "bind9", "unbound", "dnsmasq", "pdns", "nsd", "knot"),
    "an address server": ("dhcpd", "dhcpd6", "isc-dhcp-server", "kea-dhcp4", "kea-dhcp4-server"),
    "a file server": ("nfs-server", "nfs-kernel-server", "nfs", "nfsserver", "smb", "smbd", "nmb", "nmbd"),
    "a file transfer server": ("vsftpd", "proftpd", "tftp", "tftpd-hpa", "rsyncd", "rsync", "xinetd"),
    "a port mapper": ("rpcbind", "portmap"),
    "a directory or network login": ("slapd", "dirsrv", "ypserv", "ypbind", "telnet", "rlogin", "rsh", "rexec"),
    "a mail server": ("dovecot", "cyrus-imapd", "sendmail", "exim"),
    "a database": ("mysqld", "mysql", "mariadb", "postgresql", "mongod", "redis", "redis-server", "memcached"),
    "printing": ("cups", "cups-browsed"),
    "discovery": ("avahi-daemon",),
    "a management agent for the network": ("snmpd", "cockpit", "webmin"),
    "a container engine": ("docker", "containerd", "k3s", "kubelet"),
    "a desktop": ("gdm", "gdm3", "lightdm", "sddm", "xdm", "xrdp", "vncserver", "bluetooth", "ModemManager"),
}
KIND = {
    f"{name}.{suffix}": kind
    for kind, names in SERVERS.items()
    for name in names
    for suffix in ("service", "socket")
}
STARTS = ("enabled", "enabled-runtime", "generated")


def check(host: Host) -> Findings:
    wanted = host.get(Policy).upkeep.services
    units = host.get(Units)
    starting = [unit for unit in servers(units.files, wanted) if unit.state in STARTS]
    if units.files:
        yield from judged(starting, any_evidence(units.files), State.ON_DISK)
    else:
        yield unknown(HOST, "which services start at boot: no unit is known", state=State.ON_DISK)
    if units.active is None:
        yield unknown(HOST, f"which services run: {units.refusal}", state=State.IN_FORCE)
        return
    running = [unit for unit in servers(units.active, wanted) if unit.state == "active"]
    yield from judged(running, any_evidence(units.active), State.IN_FORCE)


def servers(units: dict[str, Unit], wanted: tuple[str, ...]) -> list[Unit]:
    """The units that serve something else than guests and that the site does not want."""
    found = [units[name] for name in sorted(KIND.keys() & units.keys())]
    return [
        unit for unit in found if not (matches(unit.name, wanted) or matches(unit.name.rpartition(".")[0], wanted))
    ]


def judged(found: list[Unit], whole: Evidence, state: State) -> Findings:
    """A finding for each unit, or one for all."""
    for unit in found:
        verb = "starts at boot" if state is State.ON_DISK else "runs"
        fix = Change(Document("unit", unit.name), SetState("disabled"))
        message = f"{KIND[unit.name]} {verb}: {unit.name}"
        yield failed(Subject("unit", unit.name), message, fix, evidence=[unit.evidence], state=state)
    if not found:
        verb = "is set to start" if state is State.ON_DISK else "runs"
        yield passed(HOST, f"no server but those of virtualization {verb}", whole, state=state)


def any_evidence(units: dict[str, Unit]) -> Evidence:
    """Where the units were listed."""
    if not units:
        return Evidence("no unit is active")
    first = next(iter(units.values())).evidence
    return Evidence(f"{len(units)} units", first.path, None, first.argv, first.code, first.at)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("maintaining-virtual-machines",),
    check=check,
)
