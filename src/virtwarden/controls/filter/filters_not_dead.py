"""Filter rules for TCP, UDP, ICMP and the like are enforced, not only written.

libvirt has such rules enforced by iptables, which sees bridged frames only while net.bridge.bridge-nf-call-* is
1. The blueprint turns these switches off in one chapter and writes TCP rules in another: with both the rules are
still listed, match nothing, and libvirt says so in a log line at most.

Judged: for each filter in use that has a rule of that kind, the switch of its address family, in force (or the
same switch of the guest's own bridge) and as the files set it at boot. Filters that nftables realises do not
need it.

Fix: 1 for the switch that is needed. Bridged frames then go through the host's FORWARD rules, which have to let
them pass.

Proof: a TCP rule on a probe's port drops a SYN that arrives without it.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetLine, SetState
from virtwarden.facts.bridgenf import DROP_IN, LOAD_FILE, MODULE, DeepRule, DeepRules
from virtwarden.facts.bridges import file_of
from virtwarden.facts.kernel import Sysctls, Value
from virtwarden.facts.links import Links
from virtwarden.facts.nics import Nics
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    deep = host.get(DeepRules)
    for nic, why in deep.unresolved:
        yield unknown(nic.subject, why, nic.cite(), state=nic.state)
    for rule in deep.rules:
        look = now if rule.nic.state is State.IN_FORCE else at_boot
        try:
            yield look(host, rule)
        except Unknown as refused:
            yield unknown(subject_of(rule), str(refused), *refused.evidence, state=rule.nic.state)
    nics = host.get(Nics)
    nics.complete()
    if nics.liveness is not None:
        yield unknown(HOST, f"which guests run: {nics.liveness}", state=State.IN_FORCE)
    if not deep.rules and not deep.unresolved:
        yield notapplicable(HOST, "no guest uses a filter whose rules iptables has to enforce")


def subject_of(rule: DeepRule) -> Subject:
    return rule.nic.subject


def now(host: Host, rule: DeepRule) -> Finding:
    state = State.IN_FORCE
    bridge = own_switch(host, rule)
    if bridge is not None:
        return passed(subject_of(rule), f"{rule.nic.bridge} hands its frames to iptables", bridge, state=state)
    try:
        value = host.get(Sysctls).effective(rule.switch)
    except Absent as absent:
        change = by_hand(Document("sysctl", rule.switch), f"modprobe {MODULE} && sysctl -w {rule.switch}=1")
        return dead(rule, f"{MODULE} is not loaded", absent.evidence, change)
    if value.value != "0":
        message = f"{rule.switch} is {value.value}: the rules of {rule.filter.name} are enforced"
        return passed(subject_of(rule), message, value.evidence, state=state)
    change = Change(Document("sysctl", rule.switch), SetState("1"))
    return dead(rule, f"{rule.switch} is 0", (value.evidence,), change)


def dead(rule: DeepRule, why: str, evidence: tuple[Evidence, ...], change: Change) -> Finding:
    message = f"the rules of filter {rule.filter.name} match nothing: {why}"
    cited = [rule.filter.cite(rule.rule.line), rule.nic.cite(), *evidence]
    return failed(subject_of(rule), message, change, evidence=cited, state=State.IN_FORCE)


def own_switch(host: Host, rule: DeepRule) -> Evidence | None:
    """Where the guest's own bridge has its switch on, whatever that of all bridges says."""
    try:
        link = host.get(Links).get(rule.nic.bridge)
    except Unknown:
        return None
    name = rule.switch.rpartition("-")[2]
    return link.evidence if link is not None and link.options.get(f"nf_call_{name}") == "1" else None


def at_boot(host: Host, rule: DeepRule) -> Finding:
    value: Value | None = host.get(Sysctls).configured(rule.switch)
    state = State.ON_DISK
    if value is None:
        evidence = Evidence(f"no file sets {rule.switch}; it comes up as 1 with the module", path="/etc/sysctl.d")
        message = f"nothing turns {rule.switch} off at boot"
        return passed(subject_of(rule), message, evidence, rule.filter.cite(rule.rule.line), state=state)
    if value.value != "0":
        return passed(subject_of(rule), f"{rule.switch} is {value.value} at boot", value.evidence, state=state)
    changes = (
        file_change(file_of(value, DROP_IN), SetLine(rule.switch, "1")),
        file_change(LOAD_FILE, Replace(f"{MODULE}\n")),
    )
    message = f"the rules of filter {rule.filter.name} match nothing after boot: {rule.switch} is 0"
    cited = [value.evidence, rule.filter.cite(rule.rule.line), rule.nic.cite()]
    return failed(subject_of(rule), message, *changes, evidence=cited, state=state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("bridge-netfilter", "network-filter-driver", "define-network-filter"),
    check=check,
)
