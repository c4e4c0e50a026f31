"""The rules on disk, put together for the next boot, and in the kernel, held against each other rule by rule.

However they are spelled: rules are equal that ask the kernel for the same. auditctl before 4.0.2 lists `exe!=` as
`exe=`, so that a rule that differs from one on disk in nothing but this is taken for that one, and it is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from virtwarden.facts.audit import AuditRules, AuditStatus
from virtwarden.facts.audit_tools import AuditTools
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Unknown

LOCKED = 2


@dataclass(frozen=True, slots=True)
class Compared:
    """One rule, and where it is; None where that side could not be read or is not kept on this host. `place` is its
    file and line, empty for one that the kernel alone has."""

    rule: Rule
    place: str
    on_disk: bool | None
    compiled: bool | None
    loaded: bool | None

    @property
    def everywhere(self) -> bool:
        """Whether no side lacks it."""
        return False not in (self.on_disk, self.compiled, self.loaded)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every rule of a host; `remarks` in sentences; `unread` what could not be read, by side, with the reason."""

    rules: tuple[Compared, ...]
    remarks: tuple[str, ...]
    unread: Mapping[str, str]

    @property
    def differing(self) -> tuple[Compared, ...]:
        """The rules that one side lacks."""
        return tuple(each for each in self.rules if not each.everywhere)


def compare(host: Host) -> Comparison:
    """Hold the three against each other. Raises `Absent` on a host without the audit system."""
    rules = host.get(AuditRules)
    unread: dict[str, str] = {}
    on_disk = _disk(rules, unread)
    compiled = _compiled(rules, unread)
    loaded = _loaded(rules, unread)
    twins = _twins(on_disk or compiled or {}, loaded, may_mix_up_exe(host)) if loaded is not None else {}
    known = {twins.get(rule, rule) for rule in loaded} if loaded is not None else None
    every = dict.fromkeys((*(on_disk or {}), *(compiled or {}), *(known or ())))
    compared = tuple(
        Compared(rule, (on_disk or {}).get(rule) or (compiled or {}).get(rule) or "", _in(rule, on_disk),
                 _in(rule, compiled), _in(rule, known))
        for rule in every
    )  # fmt: skip
    order = [twins.get(rule, rule) for rule in loaded or ()]
    remarks = (*_about_exe(twins), *_about_order(list(on_disk or compiled or {}), order), *_about_lock(host))
    return Comparison(compared, remarks, unread)


def may_mix_up_exe(host: Host) -> bool:
    """Whether `auditctl -l` here may list `exe!=` as `exe=`."""
    try:
        return not host.get(AuditTools).lists_exe_right
    except (Absent, Unknown):
        return True


def as_listed(rule: Rule) -> Rule:
    """The rule as auditctl before 4.0.2 lists it."""
    fields = (replace(each, operator="=") if each.name == "exe" else each for each in rule.fields)
    return replace(rule, fields=tuple(sorted(fields)))


def _twins(written: Iterable[Rule], loaded: Iterable[Rule], mixes_up: bool) -> dict[Rule, Rule]:
    """Loaded rules that stand for one on disk, which is listed otherwise."""
    if not mixes_up:
        return {}
    held, on_disk = set(loaded), set(written)
    unfound = {as_listed(rule): rule for rule in on_disk - held if rule.all_of("exe")}
    return {rule: unfound[rule] for rule in held - on_disk if rule in unfound}


def missing_and_foreign(
    host: Host, written: Iterable[Rule], loaded: Iterable[Rule]
) -> tuple[list[Rule], list[Rule]]:
    """The written rules that are not loaded, and the loaded ones that are not written, each in order."""
    wanted, held = list(written), list(loaded)
    twins = _twins(wanted, held, may_mix_up_exe(host))
    known = {twins.get(rule, rule) for rule in held}
    foreign = [rule for rule in held if twins.get(rule, rule) not in set(wanted)]
    return [rule for rule in wanted if rule not in known], foreign


def _disk(rules: AuditRules, unread: dict[str, str]) -> dict[Rule, str] | None:
    if "sources" in rules.refusals:
        unread["on disk"] = rules.refusals["sources"]
        return None
    if not rules.sources:
        return None
    return _placed((file.text.path, file.rules.rules) for file in rules.sources)


def _compiled(rules: AuditRules, unread: dict[str, str]) -> dict[Rule, str] | None:
    if "compiled" in rules.refusals:
        unread["compiled"] = rules.refusals["compiled"]
        return None
    if rules.compiled is None:
        return {} if rules.sources else None
    return _placed([(rules.compiled.text.path, rules.compiled.rules.rules)])


def _loaded(rules: AuditRules, unread: dict[str, str]) -> list[Rule] | None:
    try:
        return list(rules.in_force()[0].rules)
    except Unknown as refused:
        unread["loaded"] = str(refused)
        return None


def _placed(files: Iterable[tuple[str, Iterable[Rule]]]) -> dict[Rule, str]:
    placed: dict[Rule, str] = {}
    for path, rules in files:
        for rule in rules:
            if rule.verb == "delete":
                placed.pop(rule, None)
            else:
                placed.setdefault(rule, f"{path}:{rule.line}")
    return placed


def _in(rule: Rule, side: Iterable[Rule] | None) -> bool | None:
    return None if side is None else rule in side


def _about_exe(twins: Mapping[Rule, Rule]) -> Iterator[str]:
    if twins:
        count = "1 rule" if len(twins) == 1 else f"{len(twins)} rules"
        yield (
            f"{count} with exe!= in the files came back with exe=: auditctl before 4.0.2 lists both so, and they "
            "are taken for the same"
        )


def _about_order(written: Sequence[Rule], loaded: Sequence[Rule]) -> Iterator[str]:
    """The first rule that matches decides, so that the same rules in another order record something else."""
    both = set(written) & set(loaded)
    here, there = [r for r in written if r in both], [r for r in loaded if r in both]
    if here != there:
        first = next(rule for rule, other in zip(here, there, strict=False) if rule != other)
        yield f"the kernel has the rules in another order, from this one on: {first.text.strip()}"


def _about_lock(host: Host) -> Iterator[str]:
    try:
        locked = host.get(AuditStatus).number("enabled") == LOCKED
    except (Absent, Unknown):
        return
    if locked:
        yield "the kernel's rules are locked (-e 2): whatever is changed takes effect when the host is booted"
