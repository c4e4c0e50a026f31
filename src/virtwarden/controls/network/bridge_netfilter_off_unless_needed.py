"""Bridged frames bypass iptables unless network filters rely on it.

With the switches net.bridge.bridge-nf-call-* on, the frames of all guests go through the host's own iptables
and share one connection table: one guest's connections show up in another's, may fill the table for all, and a
rule that was meant for the host decides about guests. The switches have to be on where a guest's network filter
looks at TCP, UDP, ICMP and the like, because libvirt has iptables enforce those; turning them off there makes
the rules dead, which is a failure of its own.

Judged: the three switches in force, and on disk those that a file turns on, against the filters that guests
use. Where the module br_netfilter is not loaded there is nothing to bypass.

Fix: 0 for each switch, and the module in modules-load.d so that the value lasts.

Proof: an iptables rule in FORWARD that would drop a guest's frame does not.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetLine
from virtwarden.facts.bridgenf import DROP_IN, LOAD_FILE, MODULE, SWITCHES, DeepRule, DeepRules
from virtwarden.facts.bridges import file_of
from virtwarden.facts.kernel import Sysctls, Value
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Evidence, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    sysctls, deep = host.get(Sysctls), host.get(DeepRules)
    for switch in SWITCHES:
        for state, value in ((State.ON_DISK, sysctls.configured), (State.IN_FORCE, sysctls.effective)):
            subject = Subject("setting", switch)
            user = next((rule for rule in deep.of(state) if rule.switch == switch), None)
            try:
                yield from judged(subject, value(switch), user, deep, state)
            except Absent as absent:
                yield passed(subject, f"{MODULE} is not loaded", *absent.evidence, state=state)
            except Unknown as refused:
                yield unknown(subject, str(refused), *refused.evidence, state=state)


def judged(
    subject: Subject, value: Value | None, user: DeepRule | None, deep: DeepRules, state: State
) -> Iterator[Finding]:
    if value is None:
        evidence = Evidence(f"no file sets {subject.name}", path="/etc/sysctl.d")
        yield notapplicable(subject, f"no file sets {subject.name}", evidence, state=state)
    elif value.value == "0":
        yield passed(subject, f"{subject.name} is 0", value.evidence, state=state)
    elif user is not None:
        message = f"filter {user.filter.name} of guest {user.nic.guest.name} needs it"
        yield notapplicable(subject, message, user.filter.cite(user.rule.line), value.evidence, state=state)
    elif deep.unresolved:
        yield unknown(subject, deep.unresolved[0][1], value.evidence, state=state)
    else:
        changes = (
            file_change(file_of(value, DROP_IN), SetLine(subject.name, "0")),
            file_change(LOAD_FILE, Replace(f"{MODULE}\n")),
        )
        message = f"{subject.name} is {value.value} and no guest's filter needs it"
        yield failed(subject, message, *changes, evidence=[value.evidence], state=state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("bridge-netfilter", "disable-bridge-netfilter-for-vlans"),
    check=check,
)
