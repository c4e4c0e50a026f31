"""CPU shares are numbers of the scale that this host's kernel uses.

The same number means different things. Version 1 of control groups takes 2 to 262144 shares and gives 1024 to
whoever has none; version 2 takes a weight of 1 to 10000 and gives 100. libvirt hands the number on as it is:
a guest with the blueprint's 256, meant for a quarter of the usual, has on version 2 two and a half times the
weight of every guest without shares, and one with 20000 does not start. Nor are shares a limit: 256 against
1024 is one to four while both want to run, and everything while the other sleeps.

Judged: `<shares>` of each guest, on disk and in force, against the range of the version that has the `cpu`
controller; on version 2, numbers of 256 and more where other guests have none.

Fix: give all guests shares on the scale of the host's version, 100 for the usual guest on version 2, or take
them out; for a ceiling set a quota.

Proof: two throw-away guests that spin on one processor divide it in the ratio of their shares.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveElement
from virtwarden.facts.ceilings import shares
from virtwarden.facts.cgroups import Cgroups, Hierarchy
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Safety, Severity, State, Subject

_RANGES = {1: (2, 262_144), 2: (1, 10_000)}
_DEFAULT = 100
_OLD_SCALE = 256


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    definitions = [(guest, each) for guest in guests.guests for each in guest.definitions]
    without = {state: sum(d.state is state and shares(d) is None for _, d in definitions) for state in State}
    judged = False
    for guest, definition in definitions:
        number = shares(definition)
        if number is not None:
            judged = True
            yield _judged(host, guest, definition, number, without[definition.state])
    guests.complete()
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not judged:
        yield notapplicable(HOST, "no guest has CPU shares")


def _judged(host: Host, guest: Guest, definition: Definition, number: int, without: int) -> Finding:
    subject, state = Subject("guest", guest.name), definition.state
    here = definition.cite(definition.line("cputune/shares"))
    try:
        hierarchy = host.get(Cgroups).of("cpu")
    except Absent as absent:
        return unknown(subject, f"what its {number} shares mean: {absent}", here, state=state)
    except Unknown as refused:
        return unknown(subject, f"what its {number} shares mean: {refused}", here, state=state)
    evidence = (here, hierarchy.evidence)
    wrong = _wrong(number, hierarchy, without)
    if wrong is None:
        message = f"its {number} shares are a number of version {hierarchy.version}"
        return passed(subject, message, *evidence, state=state)
    change = Change(Document("domain", guest.name), RemoveElement("cputune/shares"), Safety.DISRUPTIVE)
    return failed(subject, f"its {number} shares {wrong}", change, evidence=evidence, state=state)


def _wrong(number: int, hierarchy: Hierarchy, without: int) -> str | None:
    least, most = _RANGES[hierarchy.version]
    if not least <= number <= most:
        return f"are not within {least} and {most}, which version {hierarchy.version} takes"
    if hierarchy.version == 2 and number >= _OLD_SCALE and without:
        weight = f"{number / _DEFAULT:.1f}".removesuffix(".0")
        return f"weigh {weight} times as much as each of {without} guests without shares"
    return None


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("cgroups-define", "cgroups-libvirt"),
    check=check,
)
