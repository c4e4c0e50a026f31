"""libvirt is not offered over plain TCP.

What crosses port 16509 is protected by SASL alone, and by as little as 56 bits of it unless told otherwise;
DIGEST-MD5, which tutorials use with it, is broken and retired. Whoever can read or alter the session
owns the host. TLS or SSH carry the same traffic safely.

Judged: on disk, `listen_tcp` where the daemon listens by itself (libvirtd with `--listen`, virtproxyd without a
socket unit) and the units libvirtd-tcp.socket and virtproxyd-tcp.socket; in force, what listens on the port.

Fix: turn `listen_tcp` or the socket unit off. Clients with qemu+tcp addresses have to change to qemu+tls or
qemu+ssh.

Proof: `virt-warden prove remote`: plain TCP is closed on every address, while a port of our own at each is reached.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf, SetState
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.listeners import Listener, Listeners
from virtwarden.facts.remote import Offer, Remote, RemoteDaemon, listening
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import Change, Document, Finding, Safety, Severity, State, Subject


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            yield from _on_disk(daemon, subject)
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
        try:
            yield from _in_force(host, daemon, subject)
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.IN_FORCE)


def _on_disk(daemon: RemoteDaemon, subject: Subject) -> Findings:
    offers = daemon.offered("tcp")
    if not offers:
        message = "is not set up to listen for plain TCP"
        yield passed(subject, message, *daemon.looked_at["tcp"], state=State.ON_DISK)
    for offer in offers:
        yield _finding(daemon, subject, offer)


def _finding(daemon: RemoteDaemon, subject: Subject, offer: Offer) -> Finding:
    what = f"{offer.unit} listens" if offer.unit else "listen_tcp is 1"
    where = ", ".join(offer.streams)
    if all(reach_of(stream.rpartition(":")[0] or "*") == "loopback" for stream in offer.streams):
        message = f"{what}, on this host only: {where}"
        return passed(subject, message, *offer.evidence, state=State.ON_DISK)
    fix = _fix(daemon, offer)
    return failed(subject, f"{what}: {where}", fix, evidence=offer.evidence, state=State.ON_DISK)


def _fix(daemon: RemoteDaemon, offer: Offer) -> Change:
    if offer.unit is not None:
        return Change(Document("unit", offer.unit), SetState("disabled"), Safety.DISRUPTIVE)
    return file_change(daemon.conf.path, SetConf("listen_tcp", 0), Safety.DISRUPTIVE)


def _in_force(host: Host, daemon: RemoteDaemon, subject: Subject) -> Findings:
    found = [listener for listener in listening(host, daemon, "tcp") if not listener.local]
    if not found:
        evidence = host.get(Listeners).evidence
        yield passed(subject, "nothing listens for plain TCP", evidence, state=State.IN_FORCE)
        return
    for listener in found:
        message = f"plain TCP is offered on {listener.where}"
        fixes = _closing(daemon, listener)
        yield failed(subject, message, *fixes, evidence=[listener.evidence], state=State.IN_FORCE)


def _closing(daemon: RemoteDaemon, listener: Listener) -> list[Change]:
    """What stops the offer that is set up; what is open without one goes with a restart of the daemon."""
    if listener.unit is not None:
        return [Change(Document("unit", listener.unit), SetState("disabled"), Safety.DISRUPTIVE)]
    offers = daemon.offers.get("tcp", ())
    if isinstance(offers, Unknown) or not offers:
        return [
            by_hand(Document("unit", f"{daemon.name}.service"), f"restart {daemon.name}: nothing sets this up")
        ]
    return [_fix(daemon, offer) for offer in offers]


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("remote-management", "remote-management-overview", "sasl-firewall"),
    check=check,
)
