"""What a host has that its audit rules depend on, gathered from facts once, so that making them is pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from virtwarden.facts.audit import COMPILED, AuditRules
from virtwarden.facts.audit_actors import AuditActors, Doing
from virtwarden.facts.audit_places import WATCHED, AuditPlaces, Watched
from virtwarden.facts.audit_tools import AuditTools
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Stat, Unknown

NEVER_FILE = "/etc/audit/rules.d/20-virtwarden-never.rules"
VIRT_FILE = "/etc/audit/rules.d/45-virtwarden-virt.rules"
OWN = (NEVER_FILE, VIRT_FILE)


@dataclass(frozen=True, slots=True)
class Place:
    """A place that is here: what is asked of it, its real path, and whether it is a directory."""

    watched: Watched
    real: str
    is_directory: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """`doing` by doer; `arches` the kinds of system calls, the host's own first; `takes_exe` whether rules may speak
    of programs. Where `in_one_file`, rules are kept as before rules.d. `elsewhere` are rules that other files have,
    with the file; `unseen` what could not be looked at and why."""

    places: tuple[Place, ...]
    doing: dict[str, Doing] = field(default_factory=dict)
    selinux: bool = False
    lsm: str | None = None
    arches: tuple[str, ...] = ()
    takes_exe: bool = True
    in_one_file: bool = False
    elsewhere: dict[Rule, str] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)


def situation(host: Host) -> Situation:
    """The situation of a host. Raises `Unknown` where its rules on disk or its places cannot be read."""
    rules = _rules(host)
    found = host.get(AuditPlaces).watched
    actors = host.get(AuditActors)
    in_one_file = rules is not None and rules.home_of(VIRT_FILE) == COMPILED
    takes_exe = _takes_exe(host, in_one_file)
    places = _places(found, "/var/run/" if in_one_file else "/run/")
    return Situation(
        places=places if takes_exe else tuple(_by_people(each, actors) for each in places),
        doing=actors.doing,
        selinux=actors.selinux,
        lsm="selinux" if actors.selinux else None if rules is None else rules.lsm,
        arches=actors.arches,
        takes_exe=takes_exe,
        in_one_file=in_one_file,
        elsewhere={} if rules is None else _elsewhere(rules),
        unseen={each.path: str(why) for each, why in found.items() if isinstance(why, Unknown)},
    )


def _rules(host: Host) -> AuditRules | None:
    try:
        return host.get(AuditRules)
    except Absent:
        return None


def _places(found: dict[Watched, Stat | Unknown], run: str) -> tuple[Place, ...]:
    here = {each: Place(each, at.real, at.kind == "dir") for each, at in found.items() if isinstance(at, Stat)}
    if here:
        needs = {each.key for each in here}
        made = (each for each in WATCHED if each.made_at_boot and needs & {_NEEDED_FOR.get(each.key, "")})
        here |= {each: Place(each, each.path.replace("/run/", run)) for each in made}
    order = {each: at for at, each in enumerate(WATCHED)}
    last = {each.key: at for at, each in enumerate(WATCHED)}
    return tuple(here[each] for each in sorted(here, key=lambda each: order.get(each, last[each.key] + 0.5)))


_NEEDED_FOR = {"virt_runtime_change": "virt_libvirtd_exec", "virt_kvm_dev": "virt_qemu_exec"}
"""What has to be here for a place that is made at boot to be of any use."""


def _by_people(place: Place, actors: AuditActors) -> Place:
    """The place, asked for people's doings alone where daily work can be left out neither by type nor by program."""
    doers = [actors.doing.get(name, Doing()) for name in place.watched.usual]
    if all((actors.selinux and doer.types) or not doer.programs for doer in doers):
        return place
    return replace(place, watched=replace(place.watched, by_people=True))


def _takes_exe(host: Host, in_one_file: bool) -> bool:
    if in_one_file:
        return False
    try:
        return host.get(AuditTools).takes_exe
    except (Absent, Unknown):
        return True


def _elsewhere(rules: AuditRules) -> dict[Rule, str]:
    pairs = ((rule, file.text.path) for file, rule in rules.in_order() if rule.verb != "delete")
    return {rule: path for rule, path in pairs if path not in OWN}
