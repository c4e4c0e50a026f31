"""libvirt is offered over TLS, with its certificates in place, where the site manages its hosts so.

A host that does not offer what its administrators are told to use is managed by whatever works instead: a shell as
root, a port opened by hand. Without its certificates libvirt does not listen at all; with half a set, or a key that
belongs to another certificate, it does not even start.

Judged: where the policy's `remote.transport` is `tls`: whether the daemon that listens is set up to offer TLS (a
socket unit, or `--listen` and `listen_tls` where the daemon opens its own sockets) and whether the port is open;
whether the authority's certificate, the host's own and its key are in their places, as the folder has them that
`remote.certificates` names.

Fix: copies of the files in that folder, each with its own owner and mode, then the socket unit or `--listen`, on the
management address, which `remote.listen` or `network.management_interface` names. Nothing is set up as long as a
certificate is missing, does not belong to its key, or has ended.

Proof: `virt-warden prove remote`: our client is let in, one without a certificate is not.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf, SetLine, SetState
from virtwarden.facts.certificates import Certificates
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.daemon_conf import DaemonConf
from virtwarden.facts.daemon_units import DaemonUnits
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.management import management_address
from virtwarden.facts.policy import Policy
from virtwarden.facts.remote import PORTS, Remote, RemoteDaemon, listening
from virtwarden.facts.units import Units
from virtwarden.formats import Malformed, keyvalue
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, listen_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Safety, Severity, State, Subject
from virtwarden.pki.places import Part, Place, host_places, overridden
from virtwarden.placing import Placement, changes, host_placements, in_words, is_placed, objections

NEEDED: tuple[Part, ...] = ("cacert", "servercert", "serverkey")
ARGUMENT_FILES = ("/etc/sysconfig/libvirtd", "/etc/default/libvirtd", "/etc/default/libvirt-bin")
VARIABLES = ("LIBVIRTD_ARGS", "libvirtd_opts")
ENDS_WHEN_IDLE = ("-t", "--timeout")


def check(host: Host) -> Findings:
    remote, name = host.get(Remote), host.get(Libvirt).remote_daemon
    if host.get(Policy).remote.transport != "tls":
        yield notapplicable(HOST, "the policy does not ask for TLS")
        return
    for daemon in remote.daemons:
        if daemon.name != name:
            continue
        try:
            first = list(_certificates_first(host, daemon.conf))
            yield from _placed(host, daemon.conf, first)
            yield from _on_disk(host, daemon, first)
        except Unknown as refused:
            yield unknown(Subject("daemon", name), str(refused), *refused.evidence, state=State.ON_DISK)
        try:
            yield from _in_force(host, daemon)
        except Unknown as refused:
            yield unknown(Subject("daemon", name), str(refused), *refused.evidence, state=State.IN_FORCE)


# --- certificates --------------------------------------------------------------------------------


def _certificates_first(host: Host, conf: DaemonConf) -> Iterator[Change]:
    """What comes before the daemon is told to offer TLS: its certificates, placed or by a person's hand."""
    placements = _placements(host, conf)
    if not _missing(host, conf, placements):
        yield from changes(host, (each for each in placements if not is_placed(host, each)))
        return
    folder = host.get(Certificates).folder
    steps = (
        "name a folder of certificates in the policy (remote.certificates): virt-warden pki issue server makes one"
        if not folder
        else f"put what virt-warden pki issue server made for this host into {folder}"
    )
    yield by_hand(Document("file", _own(conf)["servercert"].path), steps)


def _placements(host: Host, conf: DaemonConf) -> tuple[Placement, ...]:
    """The files that the folder has for this host; none where something speaks against them."""
    if any(objections(host.get(Certificates), host.source.taken_at)):
        return ()
    try:
        return host_placements(host, "host", conf)
    except Absent as absent:
        raise Unknown(str(absent)) from None


def _own(conf: DaemonConf) -> dict[Part, Place]:
    """Where libvirt's server reads its files."""
    named: dict[Part, str | None] = {
        "cacert": conf.ca_file,
        "servercert": conf.cert_file,
        "serverkey": conf.key_file,
    }
    return {place.part: place for place in overridden(host_places("server"), named) if place.use == "libvirt"}


def _missing(host: Host, conf: DaemonConf, placements: tuple[Placement, ...]) -> list[str]:
    """The files without which TLS is not offered, and that are neither in place nor in the folder."""
    brought = {each.place.path for each in placements}
    paths = [_own(conf)[part].path for part in NEEDED]
    return [path for path in paths if path not in brought and not _is_there(host, path)]


def _is_there(host: Host, path: str) -> bool:
    try:
        host.source.stat(path)
    except Absent:
        return False
    return True


def _placed(host: Host, conf: DaemonConf, first: list[Change]) -> Findings:
    """The files of the folder, each against its place; what speaks against the folder as a whole."""
    offered = host.get(Certificates)
    against = list(objections(offered, host.source.taken_at))
    for objection in against:
        fix = by_hand(Document("file", offered.folder), "issue what is missing or wrong anew, and scan again")
        evidence = [Evidence(objection, path=offered.folder)]
        yield failed(Subject("folder", offered.folder), objection, fix, evidence=evidence, state=State.ON_DISK)
    for each in _placements(host, conf):
        subject, seen = Subject("file", each.place.path), each.offered.cite(in_words(each.offered))
        if is_placed(host, each):
            yield passed(subject, f"is what {each.offered.path} holds", seen, state=State.ON_DISK)
        else:
            state = "is not what" if _is_there(host, each.place.path) else "is missing; it is to be what"
            message = f"{state} {each.offered.path} holds: {in_words(each.offered)}"
            yield failed(subject, message, *first, evidence=[seen], state=State.ON_DISK)
    for path in _missing(host, conf, _placements(host, conf)):
        evidence = [Evidence(f"there is no {path}", path=path)]
        yield failed(Subject("file", path), "is missing", *first, evidence=evidence, state=State.ON_DISK)


# --- listening -----------------------------------------------------------------------------------


def _on_disk(host: Host, daemon: RemoteDaemon, first: list[Change]) -> Findings:
    subject, offers = Subject("daemon", daemon.name), daemon.offered("tls")
    for offer in offers:
        where = f"{offer.unit or daemon.name} offers TLS on {', '.join(offer.streams)}"
        yield passed(subject, where, *offer.evidence, state=State.ON_DISK)
    if not offers:
        fix = (*first, *_listening(host, daemon))
        evidence = daemon.looked_at["tls"]
        yield failed(subject, "is not set up to offer TLS", *fix, evidence=evidence, state=State.ON_DISK)


def _listening(host: Host, daemon: RemoteDaemon) -> Iterator[Change]:
    """What has the daemon listen on the management address alone."""
    address = management_address(host)
    units, name = host.get(DaemonUnits), f"{daemon.name}-tls.socket"
    if address is None:
        steps = "name the address to listen on in the policy, as remote.listen or by network.management_interface"
        yield by_hand(Document("file", daemon.conf.path), steps)
    elif units.activated(daemon.name, host.get(Units)):
        unit = units.socket(name)
        streams = (str(PORTS["tls"]),) if unit is None else unit.streams
        yield listen_change(name, address, (stream.rpartition(":")[2] for stream in streams))
        yield Change(Document("unit", name), SetState("enabled"), Safety.DISRUPTIVE)
    else:
        yield from _by_itself(host, daemon, address)


def _by_itself(host: Host, daemon: RemoteDaemon, address: str) -> Iterator[Change]:
    """What has a daemon listen that opens its own sockets: libvirtd by an argument, virtproxyd by its conf file."""
    conf = daemon.conf
    if reach_of(conf.listen_addr or "*") == "any":
        yield file_change(conf.path, SetConf("listen_addr", address), Safety.DISRUPTIVE)
    if daemon.name != "libvirtd" or conf.listen_tls is False:
        yield file_change(conf.path, SetConf("listen_tls", 1), Safety.DISRUPTIVE)
    if conf.listen_tcp:  # which nothing heeds as long as the daemon does not listen
        yield file_change(conf.path, SetConf("listen_tcp", 0), Safety.DISRUPTIVE)
    if daemon.name == "libvirtd":
        yield _argument(host)


def _argument(host: Host) -> Change:
    """`--listen` among libvirtd's arguments. One that ends when it is idle would not listen any more."""
    path, key, words = _arguments(host)
    kept: list[str] = []
    for number, word in enumerate(words):
        ends = word in ENDS_WHEN_IDLE or word.startswith("--timeout=")
        if not ends and (number == 0 or words[number - 1] not in ENDS_WHEN_IDLE):
            kept.append(word)
    return file_change(path, SetLine(key, f'"{" ".join([*kept, "--listen"])}"', "="), Safety.DISRUPTIVE)


def _arguments(host: Host) -> tuple[str, str, list[str]]:
    """The file of libvirtd's arguments, the variable that has them, and what they are."""
    present = [path for path in ARGUMENT_FILES if _is_there(host, path)]
    fallback = ARGUMENT_FILES[0] if _is_there(host, "/etc/sysconfig") else ARGUMENT_FILES[1]
    path = present[0] if present else fallback
    if not present:
        return path, VARIABLES[0], []
    try:
        pairs = keyvalue.assignments(host.source.read(path).text)
    except Malformed as wrong:
        raise Unknown(f"{path}: {wrong}") from None
    found = next((pair for key in VARIABLES if (pair := keyvalue.last(pairs, key)) is not None), None)
    return (path, VARIABLES[0], []) if found is None else (path, found.key, found.value.split())


def _in_force(host: Host, daemon: RemoteDaemon) -> Findings:
    subject = Subject("daemon", daemon.name)
    open_now = listening(host, daemon, "tls")
    for listener in open_now:
        message = f"{listener.holder} listens on {listener.where}"
        yield passed(subject, message, listener.evidence, state=State.IN_FORCE)
    if open_now:
        return
    if daemon.offered("tls"):
        fix = [
            by_hand(Document("unit", daemon.name), f"restart {daemon.name}, and look into its log if that fails")
        ]
    else:
        fix = [*_certificates_first(host, daemon.conf), *_listening(host, daemon)]
    evidence = daemon.looked_at["tls"]
    yield failed(subject, "nothing listens for TLS", *fix, evidence=evidence, state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-step-3-server-files", "tls-step-5-daemon"),
    check=check,
)
