"""libvirt's ports are offered on the management address alone.

Port 16514 leads to an interface as powerful as root. On every address it is offered to the guests' networks and to
the world as well, with nothing but the TLS library between them and the daemon. The packaged socket units
and libvirtd itself listen on every address unless told otherwise.

Judged: on disk, the addresses of the socket units and `listen_addr`, where TCP or TLS is offered; in force, the
addresses on which 16509, 16514 or the ports that are set are open.

Fix: name the management address, in a drop-in of the socket unit (an empty `ListenStream=` first, or the packaged
one stays) or as `listen_addr`. It is known where the policy names `network.management_interface` or
`remote.listen`. Clients that
came by another address have to change.

Proof: `virt-warden prove remote HOST` on a machine of the management network is let in, on one of a guest's network it
reaches no port.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.management import management_address
from virtwarden.facts.remote import TRANSPORTS, Offer, Remote, RemoteDaemon, listening
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, listen_change, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Safety, Severity, State, Subject


def check(host: Host) -> Findings:
    for daemon in host.get(Remote).daemons:
        subject = Subject("daemon", daemon.name)
        try:
            offers = [offer for transport in TRANSPORTS for offer in daemon.offered(transport)]
            if not offers:
                evidence = (each for transport in TRANSPORTS for each in daemon.looked_at[transport])
                yield notapplicable(subject, "offers neither TCP nor TLS", *evidence, state=State.ON_DISK)
            for offer in offers:
                yield from _on_disk(host, daemon, offer)
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
        try:
            yield from _in_force(host, daemon)
        except Unknown as refused:
            yield unknown(subject, str(refused), *refused.evidence, state=State.IN_FORCE)


def _on_disk(host: Host, daemon: RemoteDaemon, offer: Offer) -> Findings:
    subject = Subject("daemon", daemon.name)
    for stream in offer.streams:
        address = stream.rpartition(":")[0]
        what = offer.unit or f"{daemon.name} itself"
        if reach_of(address or "*") == "any":
            message = f"{what} offers {offer.transport.upper()} on every address, port {stream.rpartition(':')[2]}"
            fix = _fix(daemon, offer, management_address(host))
            yield failed(subject, message, fix, evidence=offer.evidence, state=State.ON_DISK)
        else:
            message = f"{what} offers {offer.transport.upper()} on {stream}"
            yield passed(subject, message, *offer.evidence, state=State.ON_DISK)


def _fix(daemon: RemoteDaemon, offer: Offer, address: str | None) -> Change:
    if address is not None and offer.unit is None:
        return file_change(daemon.conf.path, SetConf("listen_addr", address), Safety.DISRUPTIVE)
    if address is not None and offer.unit is not None:
        return listen_change(offer.unit, address, (stream.rpartition(":")[2] for stream in offer.streams))
    if offer.unit is None:
        return by_hand(Document("file", daemon.conf.path), "set listen_addr to the management address")
    path = f"/etc/systemd/system/{offer.unit}.d/address.conf"
    steps = (
        f"write '[Socket]', 'ListenStream=' and 'ListenStream=ADDRESS:PORT' to {path}, then restart {offer.unit}"
    )
    return by_hand(Document("unit", offer.unit), steps)


def _in_force(host: Host, daemon: RemoteDaemon) -> Findings:
    for listener in (each for transport in TRANSPORTS for each in listening(host, daemon, transport)):
        subject = Subject("listener", listener.where)
        if listener.reach == "any":
            document = Document("file", daemon.conf.path)
            steps = f"set listen_addr to the management address, restart {daemon.name}"
            if listener.unit is not None:
                document = Document("unit", listener.unit)
                steps = "mend its ListenStream= as said for the unit on disk, then restart it"
            fix = by_hand(document, steps)
            message = f"{listener.holder} listens on every address"
            yield failed(subject, message, fix, evidence=[listener.evidence], state=State.IN_FORCE)
        else:
            message = f"{listener.holder} listens on {listener.where}"
            yield passed(subject, message, listener.evidence, state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("tls-step-6-firewall", "remote-management-overview"),
    check=check,
)
