"""What can be said of rules beside each other: the first that matches decides, and the load ends at the first error."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from virtwarden.facts.audit_places import directory_of
from virtwarden.formats.auditfields import Field
from virtwarden.formats.auditrules import Rule
from virtwarden.ruleset.lint.remark import Around, File, Remark
from virtwarden.ruleset.lint.sayings import remark
from virtwarden.ruleset.lint.single import MISSPELT, OLD_EMULATOR

Placed = tuple[str, int, Remark]
_Rules = Sequence[tuple[str, Rule]]
_FURTHER_KEYS = ("/etc/pki/libvirt-spice", "/etc/pki/qemu", "/etc/pki/libvirt-migrate")


def remarks_between(files: Sequence[File], around: Around) -> list[Placed]:
    """What is said of the rules of these files together, each with its place."""
    rules = [(file.path, rule) for file in files for rule in file.rules.rules if rule.verb != "delete"]
    goes_on = any(file.rules.control(option) for file in files for option in ("-c", "-i"))
    found = chain(
        _repeated(rules),
        _homeless(rules, around),
        _behind(rules),
        _without_twin(rules, around),
        *map(_controls, files),
        _unverified(rules, around),
        _gaps(rules, around),
        _emulators(rules, around),
    )
    return [(path, line, _going_on(said) if goes_on else said) for path, line, said in found]


def _going_on(said: Remark) -> Remark:
    """The remark where -c or -i lets the load go on past an error."""
    milder = {"duplicate": "repeated", "directory-missing": "left-out"}.get(said.id)
    return said if milder is None else remark(milder, *said.of)


def _repeated(rules: _Rules) -> Iterator[Placed]:
    seen: dict[Rule, str] = {}
    for path, rule in rules:
        if rule in seen:
            yield path, rule.line, remark("duplicate", seen[rule])
        seen.setdefault(rule, f"{path}:{rule.line}")


def _homeless(rules: _Rules, around: Around) -> Iterator[Placed]:
    for path, rule in rules:
        if directory_of(rule) in around.missing and not (rule.target or "").startswith(MISSPELT):
            yield path, rule.line, remark("directory-missing", directory_of(rule))


def _behind(rules: _Rules) -> Iterator[Placed]:
    """Rules that an earlier one leaves nothing to."""
    earlier: dict[str | None, list[tuple[str, Rule, frozenset[Field]]]] = {}
    for path, rule in rules:
        has = set(rule.fields)
        near = chain.from_iterable(earlier.get(place, ()) for place in (None, *_above(rule.target)))
        first = next((each for each in near if each[2] <= has and _takes_all(each[1], rule)), None)
        if first is not None:
            late = rule.action == "never" and first[1].action == "always"
            yield path, rule.line, remark("never-too-late" if late else "shadowed", f"{first[0]}:{first[1].line}")
        if rule.list == "exit" and rule.syscalls == ("all",):
            exact = frozenset(each for each in rule.fields if each.name not in _WIDER and each.operator == "=")
            earlier.setdefault(rule.target, []).append((path, rule, exact))


_WIDER = ("perm", "watch", "dir", "path")
"""Fields that a rule can ask for more widely than another and still take all of it."""


def _above(target: str | None) -> Iterator[str]:
    """A path and the directories that it lies in."""
    while target:
        yield target
        target = target.rpartition("/")[0]


def _takes_all(first: Rule, rule: Rule) -> bool:
    """Whether all that `rule` matches is matched by `first`. An equal rule is another matter."""
    return rule != first and rule.list == first.list and all(_implied(each, rule) for each in first.fields)


def _implied(wanted: Field, rule: Rule) -> bool:
    if wanted in rule.fields:
        return True
    if wanted.name == "perm":
        return rule.get("perm") is not None and set(rule.get("perm") or "") <= set(wanted.value)
    if wanted.name in ("watch", "dir"):
        target = rule.target or ""
        return target == wanted.value or target.startswith(f"{wanted.value.rstrip('/')}/")
    if wanted.name == "path":
        return rule.get("watch") == wanted.value
    given = rule.get(wanted.name)
    return wanted.operator == "!=" and given is not None and given != wanted.value and not wanted.compares


def _without_twin(rules: _Rules, around: Around) -> Iterator[Placed]:
    asked = {(rule.get("arch"), _apart_from_arch(rule)) for _, rule in rules}
    for path, rule in rules:
        arch = rule.get("arch")
        others = around.arches if arch in around.arches else ()
        missing = [each for each in others if (each, _apart_from_arch(rule)) not in asked]
        if rule.action == "always" and rule.list == "exit" and missing:
            yield path, rule.line, remark("no-twin", missing[0].removeprefix("b"))


def _apart_from_arch(rule: Rule) -> tuple[object, ...]:
    """What makes rules for two kinds of calls twins; system calls have other names in each."""
    fields = tuple(each for each in rule.fields if each.name != "arch")
    return rule.action, rule.list, fields, rule.syscalls == ("all",)


def _controls(file: File) -> Iterator[Placed]:
    lines = [rule.line for rule in file.rules.rules] + [broken.line for broken in file.rules.broken]
    for control in file.rules.controls:
        what = (control.option, control.value)
        if what == ("-e", "2") and any(line > control.line for line in lines):
            yield file.path, control.line, remark("lock-not-last")
        if what == ("-D", "") and any(line < control.line for line in lines):
            yield file.path, control.line, remark("deletes-rules")


def _unverified(rules: _Rules, around: Around) -> Iterator[Placed]:
    """All types that the policy may not have, said where the first of them stands."""
    if around.lsm not in (None, "selinux"):
        return
    sure = {"qemu_t", "initrc_t", *around.types}
    found = [
        (path, rule.line, each.value)
        for path, rule in rules
        for each in rule.fields
        if each.name in ("subj_type", "obj_type") and each.value not in sure
    ]
    if found:
        path, line, _ = found[0]
        yield path, line, remark("type-to-verify", ", ".join(dict.fromkeys(value for _, _, value in found)))


def _gaps(rules: _Rules, around: Around) -> Iterator[Placed]:
    """What a set that means to watch certificates leaves out, said at the last rule of its kind."""
    certificates = [(path, rule) for path, rule in rules if "virt_tls_cert" in rule.keys]
    targets = [rule.target or "" for _, rule in rules if rule.action == "always"]
    here = [each for each in _FURTHER_KEYS if each not in around.missing]
    left = [each for each in here if not any(target.startswith(each) for target in targets)]
    if certificates and left:
        path, rule = certificates[-1]
        yield path, rule.line, remark("gap", ", ".join(left))


def _emulators(rules: _Rules, around: Around) -> Iterator[Placed]:
    """Where the only emulator that is watched is that of the blueprint's time."""
    old = [(path, rule) for path, rule in rules if rule.target == OLD_EMULATOR]
    watched = {rule.target or "" for _, rule in rules} - {OLD_EMULATOR}
    if not old or any("qemu" in target.rpartition("/")[2] for target in watched):
        return
    path, rule = old[-1]
    others = ", ".join(each for each in around.emulators if each != OLD_EMULATOR)
    if not around.emulators:
        yield (
            path,
            rule.line,
            remark("emulator-elsewhere", "elsewhere it is /usr/bin/qemu-system-x86_64 and others"),
        )
    elif others and OLD_EMULATOR in around.emulators:
        yield path, rule.line, remark("emulator-elsewhere", f"here is {others} too")
