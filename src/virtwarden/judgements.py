"""What many controls share: ways to state a finding, and judgements over a single setting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from ipaddress import ip_network
from typing import Protocol

from virtwarden.control import Check, Findings
from virtwarden.edits import ConfValue, Do, Edit, InsertElement, Replace, SetConf
from virtwarden.facts.builtin_filters import DIGESTS
from virtwarden.facts.certificates import Certificates
from virtwarden.facts.nwfilters import NwFilters
from virtwarden.host import Absent, Fact, Host, Unknown
from virtwarden.model import Change, Document, Evidence, Finding, Result, Safety, State, Subject
from virtwarden.placing import changes, host_placements, objections


def passed(subject: Subject, message: str, *evidence: Evidence, state: State | None = None) -> Finding:
    """The subject meets the control."""
    return Finding(subject, Result.PASS, message, evidence=evidence, state=state)


def failed(
    subject: Subject, message: str, *fix: Change, evidence: Iterable[Evidence], state: State | None = None
) -> Finding:
    """The subject does not meet the control; `fix` would make it."""
    return Finding(subject, Result.FAIL, message, fix, tuple(evidence), state)


def notapplicable(subject: Subject, message: str, *evidence: Evidence, state: State | None = None) -> Finding:
    """The control has nothing to say of this subject."""
    return Finding(subject, Result.NOTAPPLICABLE, message, evidence=evidence, state=state)


def unknown(subject: Subject, message: str, *evidence: Evidence, state: State | None = None) -> Finding:
    """It could not be told."""
    return Finding(subject, Result.UNKNOWN, message, evidence=evidence, state=state)


def file_change(path: str, edit: Edit, safety: Safety = Safety.SAFE) -> Change:
    """A change of a file."""
    return Change(Document("file", path), edit, safety)


def by_hand(document: Document, steps: str) -> Change:
    """A change that only a person can make, with its steps."""
    return Change(document, Do(steps), Safety.MANUAL)


def named_ports(spans: Iterable[tuple[int, int]]) -> str:
    """Ports as iptables and ufw name them: `22,5900:5999`."""
    return ",".join(f"{first}:{last}" if last > first else str(first) for first, last in spans)


def iptables_steps(
    program: str, spans: Iterable[tuple[int, int]], sources: Iterable[str], *, kept: bool = False
) -> str:
    """The commands by which iptables or ip6tables, `program`, opens these ports to these networks alone, each rule
    before those that are there; `kept` asks for them to be saved as well."""
    version = 6 if program.startswith("ip6") else 4
    into, ports = f"{program} -I INPUT", f"-m multiport --dports {named_ports(spans)}"
    own = [source for source in sources if ip_network(source).version == version]
    accepts = [f"{into} -s {source} -p tcp {ports} -j ACCEPT" for source in own]
    saving = [f"service {program} save"] if kept else []
    return "; ".join((f"{into} -p tcp --syn {ports} -j DROP", *accepts, f"{into} -i lo -j ACCEPT", *saving))


def listen_change(unit: str, address: str, ports: Iterable[str]) -> Change:
    """A drop-in by which a socket unit listens on these ports of one address alone; an empty `ListenStream=` comes
    first, or the packaged one stays."""
    host = f"[{address}]" if ":" in address else address
    streams = "".join(f"ListenStream={host}:{port}\n" for port in dict.fromkeys(ports))
    path = f"/etc/systemd/system/{unit}.d/zz-virt-warden.conf"
    return file_change(path, Replace(f"[Socket]\nListenStream=\n{streams}FreeBind=yes\n"), Safety.DISRUPTIVE)


def checking_macs(filters: NwFilters, name: str) -> Change:
    """The edit of a network filter of the site's own that holds guests to their MAC addresses. One of libvirt's
    is to stay as it came, and one that refers to that filter already lets others by before."""
    document, reference = Document("nwfilter", name), "<filterref filter='no-mac-spoofing'/>"
    tree = filters.tree(name)
    if name in DIGESTS or tree is None or "no-mac-spoofing" in {*tree.names, *(r.name for _, r in tree.missing)}:
        return by_hand(document, f"virsh nwfilter-edit {name}: have {reference} come before what accepts frames")
    return Change(document, InsertElement(".", reference), Safety.DISRUPTIVE)


class _Conf(Protocol):
    """What a fact about one of libvirt's conf files offers."""

    @property
    def path(self) -> str: ...

    def cite(self, key: str) -> Evidence: ...


class _ConfFact(_Conf, Fact, Protocol):
    """A conf file that is probed from a host."""


def _nothing_first(_host: Host) -> tuple[Change, ...]:
    return ()


def setting(
    fact: type[_ConfFact],
    key: str,
    *,
    wanted: ConfValue,
    accepted: Collection[object],
    why: str = "",
    first: Callable[[Host], tuple[Change, ...]] = _nothing_first,
) -> Check:
    """A check that `key` of a conf file has an accepted value; the fix sets it to the wanted one. The subject of
    its findings is the setting, so that their messages need not name it.

    `why` ends the failing message: what the present value lets happen. `first` tells what has to be done before the
    setting does no harm.
    """

    def check(host: Host) -> Findings:
        conf = host.get(fact)
        value = getattr(conf, key)
        subject = Subject("setting", key)
        if value in accepted:
            yield passed(subject, f"it is {_shown(value)}", conf.cite(key), state=State.ON_DISK)
            return
        message = f"it is {_shown(value)}" + (f": {why}" if why else "")
        fix = (*first(host), file_change(conf.path, SetConf(key, wanted)))
        yield failed(subject, message, *fix, evidence=[conf.cite(key)], state=State.ON_DISK)

    return check


def certificate_first(host: Host, directories: Iterable[str]) -> tuple[Change, ...]:
    """What comes before QEMU is told to ask for TLS: a server's certificate and key in the first of these directories
    that exists, from the policy's folder where that has them. Without, guests do not start any more. Nothing where they
    are there."""
    looked = [directory.rstrip("/") for directory in directories]
    directory = next((each for each in looked if _is_there(host, each)), None)
    if directory is not None and all(_is_there(host, f"{directory}/{name}") for name in _NEEDED):
        return ()
    makeable = looked if directory is None else looked[: looked.index(directory) + 1]
    if found := _from_folder(host, makeable):
        return found
    place = directory or looked[0]
    steps = f"put {', '.join(_NEEDED[:-1])} and {_NEEDED[-1]}, readable for QEMU's group, into {place}"
    return (by_hand(Document("file", f"{place}/{_NEEDED[1]}"), steps),)


_NEEDED = ("ca-cert.pem", "server-cert.pem", "server-key.pem")


def _is_there(host: Host, path: str) -> bool:
    """Whether it is; what cannot be looked at does not count."""
    try:
        host.source.stat(path)
    except (Absent, Unknown):
        return False
    return True


def _from_folder(host: Host, directories: list[str]) -> tuple[Change, ...]:
    """What places a server certificate in one of these directories; nothing where the folder has none that is sound."""
    try:
        offered = host.get(Certificates)
        if not offered.files or any(objections(offered, host.source.taken_at)):
            return ()
        placed = host_placements(host, "server")
        for directory in directories:
            there = [each for each in placed if each.place.directory == directory]
            if any(each.place.part == "servercert" for each in there):
                return changes(host, there)
    except (Absent, Unknown):
        pass
    return ()


def filter_first(host: Host, name: str) -> tuple[Change, ...]:
    """What comes before a guest is given one of libvirt's own filters: that it is defined. With one that is not there
    the guest does not start any more. Nothing where it is there; the package's copy where that is at hand."""
    document = Document("nwfilter", name)
    try:
        filters = host.get(NwFilters)
    except (Absent, Unknown):
        return (by_hand(document, f"make sure with virsh nwfilter-list that {name} is defined"),)
    if name in filters.filters:
        return ()
    packaged = filters.packaged.get(name)
    if packaged is not None:
        return (Change(document, Replace(packaged.text.text)),)
    return (by_hand(document, f"install the package that brings {name} (libvirt-daemon-config-nwfilter)"),)


def _shown(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return str(int(value))
        case tuple():
            return "[" + ", ".join(str(item) for item in value) + "]"
    return str(value)
