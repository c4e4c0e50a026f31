"""The firewall's settings open the ports of management to the networks that manage, and to nobody else.

The blueprint opens the ports of libvirt, of consoles and of migration to whoever comes. `firewall-cmd
--add-service=libvirt-tls` and `ufw allow 16514` do the same today: the default zone holds every interface that nobody
put elsewhere, that of a network which is plugged in next among them.

Judged: the settings of the firewall that is enabled, by the files that count. Of firewalld the default zone, every zone
that an interface, a network or a connection is put into, and the site's policies for the host: services, ports,
protocols, forwardings, rich rules and targets. Of ufw its rules, its default and the site's own lines around them. Of
hosts of 2012 the saved rules of iptables, and SuSEfirewall2. The ports of SSH and libvirt, those of consoles up to
`console.last_port` and those of migration may be open to `network.management_sources` only. Where the policy names
none, they may be open to named networks, and SSH is left to the site. What is not understood is unknown.

Fix: with `network.management_sources` in the policy each opening becomes, in its own place, one for each of these
networks: in firewalld a rich rule of the same zone, in ufw the same rule with a source. Then the firewall reads its
files again; connections that are open stay. What opens other ports as well, and the firewalls of 2012, are changed by
hand, with the commands that are shown. Hosts from which guests are migrated here have to be among these networks.

Proof: from a foreign network the ports do not answer, from the management network they do.
"""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import ip_network
from xml.sax.saxutils import quoteattr

from virtwarden.control import Control, Findings
from virtwarden.edits import InsertElement, RemoveElement, Replace
from virtwarden.facts.firewall_files import FirewallFiles, SavedRules
from virtwarden.facts.firewalld import Zone
from virtwarden.facts.firewalld_runtime import FirewalldRuntime
from virtwarden.facts.links import Links
from virtwarden.facts.management_ports import SSH, management_spans, unread
from virtwarden.facts.openings import Opening, Span
from virtwarden.facts.policy import Policy
from virtwarden.facts.strangers import TooMany, strangers
from virtwarden.facts.ufw import UfwRule
from virtwarden.formats import ufwrules
from virtwarden.formats.packetrules import TCP_FLAGS, Ruleset
from virtwarden.host import Host, Text
from virtwarden.judgements import by_hand, failed, file_change, iptables_steps, named_ports, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Safety, Severity, State, Subject
from virtwarden.splice import apply_all

Meant = tuple[Sequence[Span], tuple[str, ...]]
"""The ports of management, and the networks that may come to them."""

NAME_THEM = "name the networks that manage the host as network.management_sources in the policy"


def check(host: Host) -> Findings:
    files, sources = host.get(FirewallFiles), host.get(Policy).network.management_sources
    spans = [span for span in management_spans(host) if sources or span != (SSH, SSH)]
    for zone in files.zones or ():
        subject = Subject(zone.kind, zone.name)
        wide = _wide(zone.openings, spans, sources)
        fix = _narrowing(host, zone, wide, spans)
        yield _of_openings(subject, zone.text, zone.openings, (spans, sources), fix)
    if files.ufw_rules is not None:
        yield from _ufw(files.ufw_rules, spans, sources)
    for saved in files.saved:
        yield _saved(host, saved, spans, sources)
    if files.suse is not None:
        text, openings = files.suse
        by_person = by_hand(Document("file", text.path), _suse_steps(_wide(openings, spans, sources), sources))
        yield _of_openings(Subject("file", text.path), text, openings, (spans, sources), (by_person,))
    for refused in unread(host):
        message = f"whether other ports are of management: {refused}"
        yield unknown(HOST, message, *refused.evidence, state=State.ON_DISK)


def _wide(openings: Iterable[Opening], spans: Sequence[Span], sources: tuple[str, ...]) -> list[Opening]:
    """The openings that let in others than are meant to come."""
    return [each for each in openings if not each.doubt and each.meets(spans) and _lets_in_others(each, sources)]


def _lets_in_others(opening: Opening, sources: tuple[str, ...]) -> bool:
    return opening.everybody or bool(sources and opening.beyond(sources))


def _of_openings(
    subject: Subject, text: Text, openings: Sequence[Opening], meant: Meant, fix: tuple[Change, ...]
) -> Finding:
    spans, sources = meant
    wide = _wide(openings, spans, sources)
    unclear = [each for each in openings if each.doubt and (not each.ports or each.meets(spans))]
    if wide:
        message = "; ".join(_told(wide, sources))
        return failed(subject, message, *fix, evidence=[each.evidence for each in wide], state=State.ON_DISK)
    if unclear:
        message = f"it is not understood here: {', '.join(dict.fromkeys(each.doubt for each in unclear))}"
        return unknown(subject, message, *(each.evidence for each in unclear), state=State.ON_DISK)
    whole = text.cite(text="no service, port or rule opens one to others")
    return passed(subject, "opens no port of management to others", whole, state=State.ON_DISK)


def _told(wide: Sequence[Opening], sources: tuple[str, ...]) -> Iterator[str]:
    """What is open to whom."""
    to: dict[str, list[str]] = {}
    for each in wide:
        to.setdefault("everybody" if each.everybody else ", ".join(each.beyond(sources)), []).append(each.words)
    yield from (f"opens to {whom}: {', '.join(words)}" for whom, words in to.items())


# --- firewalld ---------------------------------------------------------------------------------------


def _narrowing(host: Host, zone: Zone, wide: list[Opening], spans: Sequence[Span]) -> tuple[Change, ...]:
    sources = host.get(Policy).network.management_sources
    document = Document("file", zone.site_path)
    if not wide:
        return ()
    if not sources:
        return (by_hand(document, NAME_THEM),)
    if not all(each.element and each.stays_within(spans) for each in wide):
        return (by_hand(document, _zone_steps(zone, wide, spans, sources)),)
    if unkept := host.get(FirewalldRuntime).unkept:
        steps = "make it permanent with firewall-cmd --runtime-to-permanent, or drop it with firewall-cmd --reload"
        return (by_hand(document, f"a reload would lose {', '.join(unkept)}: {steps}; then make a new plan"),)
    edits = tuple(dict.fromkeys(edit for each in wide for edit in _edits(each, sources)))
    if zone.text.path == zone.site_path:
        return tuple(file_change(zone.site_path, edit, Safety.DISRUPTIVE) for edit in edits)
    return (file_change(zone.site_path, Replace(apply_all(edits, zone.text.text, document)), Safety.DISRUPTIVE),)


def _edits(opening: Opening, sources: tuple[str, ...]) -> Iterator[RemoveElement | InsertElement]:
    yield RemoveElement(opening.element)
    for source in sources:
        family = f"ipv{ip_network(source).version}"
        if opening.family in ("", family):
            content = f"<source address={quoteattr(source)}/>{opening.inner}"
            yield InsertElement(".", f'<rule family="{family}">{content}</rule>')


def _zone_steps(zone: Zone, wide: list[Opening], spans: Sequence[Span], sources: tuple[str, ...]) -> str:
    ports = [f"{first}-{last}" if last > first else str(first) for first, last in spans]
    command = f"firewall-cmd --permanent --{zone.kind}={zone.name}"
    rules = "; ".join(
        f'{command} --add-rich-rule=\'rule family="ipv{ip_network(source).version}" source address="{source}"'
        f' port port="PORT" protocol="tcp" accept\''
        for source in sources
    )
    gone = ", ".join(each.words for each in wide)
    return f"for each PORT of {', '.join(ports)} that is used: {rules}; take out {gone}; firewall-cmd --reload"


# --- ufw ---------------------------------------------------------------------------------------------


def _ufw(rules: tuple[UfwRule, ...], spans: Sequence[Span], sources: tuple[str, ...]) -> Findings:
    meant = [rule for rule in rules if rule.opening.meets(spans)]
    wide = [each for each in meant if each.opening in _wide([each.opening], spans, sources)]
    for rule in meant:
        subject, opening = _subject(rule), rule.opening
        if rule in wide:
            message = "is open to everybody" if opening.everybody else next(_told([opening], sources))
            fix = _ufw_fix(rule, wide, spans, sources)
            yield failed(subject, message, *fix, evidence=[opening.evidence], state=State.ON_DISK)
        elif opening.doubt:
            message = f"it is not understood here: {opening.doubt}"
            yield unknown(subject, message, opening.evidence, state=State.ON_DISK)
        else:
            yield passed(subject, "lets in a named network", opening.evidence, state=State.ON_DISK)
    if not meant:
        yield passed(HOST, "ufw has no rule that opens a port of management", state=State.ON_DISK)


def _subject(rule: UfwRule) -> Subject:
    version = " (v6)" if rule.text.path.endswith("6.rules") else ""
    return Subject("rule", f"{rule.opening.words}{version}")


def _by_program(rule: UfwRule, spans: Sequence[Span]) -> bool:
    return rule.line > 0 and rule.opening.stays_within(spans)


def _ufw_fix(
    rule: UfwRule, wide: list[UfwRule], spans: Sequence[Span], sources: tuple[str, ...]
) -> tuple[Change, ...]:
    """All rules of one file at once, so that whoever asks for one of them asks for the same."""
    path = rule.text.path
    if not sources:
        return (by_hand(Document("file", path), NAME_THEM),)
    if not _by_program(rule, spans):
        return (by_hand(Document("file", path), _ufw_steps(rule, spans, sources)),)
    firsts = [each.line for each in wide if each.text.path == path and _by_program(each, spans)]
    return (file_change(path, Replace(ufwrules.narrowed(rule.text.text, firsts, sources)), Safety.DISRUPTIVE),)


def _ufw_steps(rule: UfwRule, spans: Sequence[Span], sources: tuple[str, ...]) -> str:
    ports = named_ports(spans)
    allows = "; ".join(f"ufw allow from {source} to any port {ports} proto tcp" for source in sources)
    if rule.line:
        return f"{allows}; ufw delete allow {rule.opening.words}; then allow the other ports that it opened"
    if rule.text.path.endswith("/default/ufw"):
        return f"{allows}; ufw default deny incoming; then allow the other ports that are used"
    return f"{allows}; take this line out of {rule.text.path} or give it a source; ufw reload"


# --- hosts of 2012 -----------------------------------------------------------------------------------


def _saved(host: Host, saved: SavedRules, spans: Sequence[Span], sources: tuple[str, ...]) -> Finding:
    text, rules, family = saved
    subject, whole = Subject("file", text.path), text.cite(text="the rules of INPUT")
    try:
        verdicts = {port: _drops(host, rules, family, port, sources) for port in _ports(rules, spans)}
    except TooMany:
        return unknown(subject, "names more networks than are looked at here", whole, state=State.ON_DISK)
    still = [port for port, dropped in verdicts.items() if dropped is False]
    if still:
        program = "iptables" if family == "ip" else "ip6tables"
        fix = by_hand(Document("file", text.path), iptables_steps(program, spans, sources, kept=True))
        shown = ", ".join(map(str, still[:8])) + (", …" if len(still) > 8 else "")
        cited = list(_accepting(text, still)) or [whole]
        return failed(subject, f"opens to others: port {shown}", fix, evidence=cited, state=State.ON_DISK)
    if None in verdicts.values():
        return unknown(
            subject, "its rules for these ports are more than is understood here", whole, state=State.ON_DISK
        )
    return passed(subject, "opens no port of management to others", whole, state=State.ON_DISK)


def _drops(host: Host, rules: Ruleset, family: str, port: int, sources: tuple[str, ...]) -> bool | None:
    """Whether every stranger's new connection is dropped, by whatever device it comes."""
    field = f"{family} saddr"
    named, dropped = (
        rules.sources_named(field) if sources else ((), frozenset().union(*rules.sources_named(field)))
    )
    known = {"ct state": "new", TCP_FLAGS: "syn", "l4proto": "tcp", "tcp dport": str(port), "udp dport": ""}
    sure: bool | None = True
    for stranger in strangers(4 if family == "ip" else 6, sources, named, dropped):
        for link in host.get(Links).links.values():
            packet = {**known, "iifname": link.name, field: stranger.address}
            drops = rules.drops((family,), "input", packet) if link.name != "lo" else True
            if drops is False:
                return False
            sure = sure if drops else None
    return sure


def _ports(rules: Ruleset, spans: Sequence[Span]) -> list[int]:
    """Ports that stand for all of them: the ends of what is meant, and of what the rules name in between."""
    told = {end for first, last in rules.ports_named() for end in (first - 1, first, last, last + 1)}
    ends = {end for span in spans for end in span}
    return sorted({*ends, *(port for port in told if any(first <= port <= last for first, last in spans))})


def _accepting(text: Text, ports: Sequence[int]) -> Iterator[Evidence]:
    for number, line in enumerate(text.lines, 1):
        if line.startswith("-A INPUT") and "ACCEPT" in line and any(f" {port}" in line for port in ports):
            yield text.cite(number)


def _suse_steps(wide: list[Opening], sources: tuple[str, ...]) -> str:
    if not sources:
        return NAME_THEM
    ports = dict.fromkeys(
        f"{first}:{last}" if last > first else str(first) for o in wide for first, last in o.ports
    )
    trusted = " ".join(f"{source},tcp,{port}" for source in sources for port in ports)
    gone = ", ".join(each.words for each in wide)
    return f'take out {gone}; set FW_TRUSTED_NETS="{trusted}", besides what it has; rcSuSEfirewall2 restart'


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-firewall", "tls-step-6-firewall", "vnc-firewall", "spice-firewall"),
    check=check,
)
