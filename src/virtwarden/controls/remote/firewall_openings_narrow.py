"""The firewall's settings open the ports of management to the networks that manage, and to nobody else.

The blueprint opens the ports of libvirt and of the consoles to whoever comes. `firewall-cmd --add-service=libvirt-tls`
and `ufw allow 16514` do the same today: the default zone holds every interface that nobody put elsewhere, that of a
network which is plugged in next among them.

Judged: where firewalld is enabled, its default zone and the site's zones with interfaces, by the files that count:
services, ports, rich rules and the target; where ufw is, its rules. The ports of SSH and libvirt, and those from 5900
to `console.last_port`, may be open to named networks only.

Fix: with `network.management_sources` in the policy, a zone of our own for these networks, with all that the judged
zones open, and the openings taken out of those zones; firewalld takes it when it is reloaded. Rules of ufw are replaced
by hand, with the commands that are shown.

Proof: from a foreign network the ports do not answer, from the management network they do.
"""

from xml.sax.saxutils import quoteattr

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement, Replace
from virtwarden.facts.firewall_files import FirewallFiles, Opening, Zone
from virtwarden.facts.management_ports import FIRST_DISPLAY, SSH
from virtwarden.facts.policy import Policy
from virtwarden.facts.remote import PORTS
from virtwarden.formats import xmltext
from virtwarden.formats.xmltext import Element
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject
from virtwarden.splice import apply_all

OURS = "/etc/firewalld/zones/virt-warden.xml"


def check(host: Host) -> Findings:
    files, policy = host.get(FirewallFiles), host.get(Policy)
    for zone in files.zones:
        wide = [each for each in zone.openings if each.everybody and _manages(each, policy)]
        yield _zone(zone, wide, _narrowing(zone, wide, files.zones, policy))
    for rule in files.rules:
        if _manages(rule, policy):
            yield _rule(rule, policy)
    if not files.zones and not any(_manages(rule, policy) for rule in files.rules):
        yield passed(HOST, "ufw has no rule that opens a port of management", state=State.ON_DISK)


def _manages(opening: Opening, policy: Policy) -> bool:
    """Whether it opens a port that only management is to use."""
    last = policy.console.last_port
    consoles = any(first <= last and end >= FIRST_DISPLAY for first, end in opening.ports)
    return consoles or any(opening.lets_in(port) for port in (SSH, *PORTS.values()))


def _zone(zone: Zone, wide: list[Opening], fix: tuple[Change, ...]) -> Finding:
    subject = Subject("zone", zone.name)
    if not wide:
        whole = zone.text.cite(text="no service, port or rule opens one to everybody")
        return passed(subject, "opens no port of management to everybody", whole, state=State.ON_DISK)
    message = f"opens to everybody: {', '.join(each.words for each in wide)}"
    evidence = [each.evidence for each in wide]
    return failed(subject, message, *fix, evidence=evidence, state=State.ON_DISK)


def _narrowing(zone: Zone, wide: list[Opening], zones: tuple[Zone, ...], policy: Policy) -> tuple[Change, ...]:
    sources = policy.network.management_sources
    if not sources or not all(each.element for each in wide):
        networks = ", ".join(sources) or "the networks that manage, network.management_sources in the policy"
        steps = (
            f"firewall-cmd --permanent: a zone with the sources {networks} and the services, these taken out here"
        )
        return (by_hand(Document("file", zone.site_path), steps),)
    ours = file_change(OURS, Replace(_own_zone(zones, sources)), Safety.DISRUPTIVE)
    edits = tuple(RemoveElement(each.element) for each in wide)
    if zone.text.path == zone.site_path:
        return (ours, *(file_change(zone.site_path, edit, Safety.DISRUPTIVE) for edit in edits))
    left = apply_all(edits, zone.text.text, Document("file", zone.site_path))
    return (ours, file_change(zone.site_path, Replace(left), Safety.DISRUPTIVE))


def _own_zone(zones: tuple[Zone, ...], sources: tuple[str, ...]) -> str:
    """A zone for these networks, that lets in what the others do."""
    lines = ["<short>Management</short>", *(f'<source address="{source}"/>' for source in sources)]
    for zone in zones:
        for element in xmltext.parse(zone.text.text):
            if element.tag in ("service", "port", "protocol"):
                given = "".join(
                    f" {key}={quoteattr(value)}" for key, value in sorted(_attributes(element).items())
                )
                lines.append(f"<{_tag(element)}{given}/>")
    body = "\n".join(f"  {line}" for line in dict.fromkeys(lines))
    return f'<?xml version="1.0" encoding="utf-8"?>\n<zone>\n{body}\n</zone>\n'


def _tag(element: Element) -> str:
    return str(element.tag)


def _attributes(element: Element) -> dict[str, str]:
    return {str(key): str(value) for key, value in element.attrib.items()}


def _rule(rule: Opening, policy: Policy) -> Finding:
    subject = Subject("rule", rule.words)
    if not rule.everybody:
        return passed(subject, "lets in a named network", rule.evidence, state=State.ON_DISK)
    sources = policy.network.management_sources or ("SOURCE",)
    port = rule.words.removesuffix("/tcp")
    allows = "; ".join(f"ufw allow from {source} to any port {port} proto tcp" for source in sources)
    steps = f"{allows}; ufw delete allow {rule.words}"
    fix = by_hand(Document("file", rule.evidence.path or ""), steps)
    return failed(subject, "is open to everybody", fix, evidence=[rule.evidence], state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-firewall", "tls-step-6-firewall", "vnc-firewall", "spice-firewall"),
    check=check,
)
