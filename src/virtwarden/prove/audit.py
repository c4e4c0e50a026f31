"""That auditing works: each rule is fired once and its record arrives, and a guest's life is recorded as it should be.

Where nothing can be heard (no daemon, auditing switched off, records lost) the answer is unknown, never no.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from virtwarden.facts.audit import AuditRules, AuditStatus
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Source, Unknown
from virtwarden.lab import UNSET, Act, Deaf, Done, Ear, Impossible, Lab, Way
from virtwarden.model import Observation
from virtwarden.prove.choosing import Chosen, NotFired, choose
from virtwarden.prove.exclusions import prove_exclusions
from virtwarden.prove.guestrecords import expected, judged
from virtwarden.prove.heard import events
from virtwarden.prove.matching import World

VIRTUALIZATION = ("virt_*",)
_FIRST_LINE = 256
_DOING = {
    Way.MAKE: "making a file in {}",
    Way.APPEND: "opening {} for writing",
    Way.READ: "reading {}",
    Way.MODE: "setting the mode of {}",
    Way.EXECUTE: "starting {}",
}


def prove_rules(host: Host, lab: Lab, keys: Sequence[str] = VIRTUALIZATION) -> Iterator[Observation]:
    """One observation a rule whose key is like one of `keys`, in the kernel's order; rules on disk that are not loaded
    come after them. Raises `Unknown` or `Absent` where the rules cannot be had."""
    known = host.get(AuditRules)
    loaded, _ = known.in_force()
    wanted = [rule for rule in loaded.rules if _is_about(rule, keys)]
    yield from _one_by_one(host, lab, wanted, loaded.rules)
    missing = list(_not_loaded(known, loaded.rules, keys))
    yield from missing
    if not wanted and not missing:
        said = f"no loaded rule has a key like {' or '.join(keys)}"
        yield Observation("audit rules watch over virtualization", False, said)


def untried(why: str) -> Observation:
    """That the rules could not be had at all."""
    return Observation("audit rules watch over virtualization", None, why)


def interpreter(source: Source, path: str) -> str:
    """What a file becomes when it is started: itself, or of a script the program in its first line."""
    try:
        first = source.head(path, _FIRST_LINE).data.partition(b"\n")[0]
    except (Absent, Unknown):
        return path
    words = first.removeprefix(b"#!").split()
    return os.fsdecode(words[0]) if first.startswith(b"#!") and words else path


def rule_directories(host: Host, keys: Sequence[str] = VIRTUALIZATION) -> tuple[str, ...]:
    """Where firing the rules makes files: the directories that they watch. Empty where the rules cannot be had."""
    try:
        loaded, _ = host.get(AuditRules).in_force()
    except (Absent, Unknown):
        return ()
    return tuple({rule.target for rule in loaded.rules if rule.target is not None and _is_about(rule, keys)})


def why_deaf(host: Host) -> str | None:
    """Why nothing can be heard on this host, by what the kernel says; None if nothing is known against it."""
    try:
        status = AuditStatus.probe(host)
    except (Absent, Unknown) as refused:
        return str(refused)
    if status.fields.get("enabled") == 0:
        return "auditing is switched off (enabled 0)"
    if status.fields.get("pid") == 0:
        return "no audit daemon takes the kernel's records (pid 0)"
    return None


def prove_guest(host: Host, lab: Lab) -> Iterator[Observation]:
    """A guest is started and destroyed: one observation a record that must come of it, and one on their order."""
    claim = "a guest's start and end are recorded"
    deaf = why_deaf(host)
    if deaf is not None:
        yield Observation(claim, None, deaf)
        return
    lost = _lost(host)
    try:
        with lab.listening() as ear:
            with lab.guest() as guest:
                pass
            lines = ear.heard()
    except (Deaf, Impossible) as wrong:
        yield Observation(claim, None, str(wrong))
        return
    found = judged(guest, lines, tuple(expected(guest, lambda: _has_device_cgroup(host))))
    yield from _unless_lost(found, lost, host)


def _one_by_one(host: Host, lab: Lab, wanted: Sequence[Rule], every: Sequence[Rule]) -> Iterator[Observation]:
    world = World(lab.ourselves(), _lsm(host), lab.knows_type, partial(interpreter, host.source))
    deaf = why_deaf(host)
    lost = _lost(host)
    for rule in wanted:
        chosen = choose(rule, every[: every.index(rule)], world, host.source)
        if isinstance(chosen, NotFired):
            yield Observation(_claim_of(rule, None), chosen.holds, chosen.why)
            continue
        if deaf is None:
            try:
                with lab.listening() as ear:
                    observation = _fired(rule, chosen, lab, ear)
                yield from _unless_lost(iter((observation,)), lost, host)
                continue
            except Deaf as wrong:
                deaf = str(wrong)
        yield Observation(_claim_of(rule, chosen.act), None, deaf)
    if deaf is None:
        with suppress(Deaf):  # nothing was claimed yet of the exclusions
            yield from prove_exclusions(lab, every, wanted, world, host.source)


def _fired(rule: Rule, chosen: Chosen, lab: Lab, ear: Ear) -> Observation:
    claim = _claim_of(rule, chosen.act)
    try:
        done = lab.act(chosen.act)
    except Impossible as why:
        never = chosen.act.width == "b32" and "has no 32-bit" in str(why)
        return Observation(claim, False if never else None, str(why))
    return _answer(claim, rule, chosen, done, ear.heard())


def _answer(claim: str, rule: Rule, chosen: Chosen, done: Done, lines: Sequence[str]) -> Observation:
    ours = [each for each in events(lines) if each.place == done.place]
    hits = [each.id for each in ours if rule.keys == tuple(sorted(each.keys))]
    if hits:
        return Observation(claim, True, f"record {hits[0]}")
    others = sorted({key for each in ours for key in each.keys})
    seen = f"it was recorded, but as {', '.join(others)}" if others else "it was done, and no record came"
    if rule.target is not None and os.path.islink(rule.target):
        seen += f"; {rule.target} is a link, and the kernel watches the link itself"
    if done.refused:
        seen += f"; the system refused it: {done.refused}"
    if chosen.doubt:
        return Observation(claim, None, f"{seen}; whether it should is not known: {chosen.doubt}")
    return Observation(claim, False, seen)


def _claim_of(rule: Rule, act: Act | None) -> str:
    if act is None:
        return f"the rule {rule.text.strip()} records what it asks for"
    what = _DOING[act.way].format("any directory" if rule.target is None else act.path)
    by = " by a 32-bit program" if act.width == "b32" else ""
    login = "" if act.login is None else " without a login" if act.login == UNSET else f" by login {act.login}"
    return f"{what}{by}{login} is recorded as {', '.join(rule.keys)}"


def _is_about(rule: Rule, keys: Sequence[str]) -> bool:
    return rule.action == "always" and any(fnmatchcase(key, each) for key in rule.keys for each in keys)


def _not_loaded(known: AuditRules, loaded: Sequence[Rule], keys: Sequence[str]) -> Iterator[Observation]:
    """The rules on disk that the kernel does not have. Some versions of auditctl list `exe!=` as `exe=`."""
    try:
        written = list(known.in_order())
    except Unknown:
        return  # what is loaded can be proved all the same
    in_force = {_spelling(rule) for rule in loaded}
    for file, rule in written:
        if _is_about(rule, keys) and rule.verb != "delete" and _spelling(rule) not in in_force:
            said = f"it stands in {file.text.path}:{rule.line} and is not loaded"
            yield Observation(f"the rule {rule.text.strip()} is in force", False, said)


def _spelling(rule: Rule) -> Rule:
    return replace(rule, fields=tuple(replace(f, operator="=") if f.name == "exe" else f for f in rule.fields))


def _lsm(host: Host) -> str | None:
    """The security module that labels processes. Where the kernel's list cannot be read (securityfs is not mounted),
    a kernel that runs neither SELinux nor AppArmor has not even their folders."""
    told = host.get(AuditRules).lsm
    if told is not None:
        return told
    try:
        for path in ("/sys/fs/selinux", "/sys/module/apparmor"):
            with suppress(Absent):
                host.source.stat(path)
                return None
    except Unknown:
        return None
    return "none"


def _lost(host: Host) -> int | None:
    try:
        return AuditStatus.probe(host).fields.get("lost")
    except (Absent, Unknown):
        return None


def _unless_lost(found: Iterator[Observation], before: int | None, host: Host) -> Iterator[Observation]:
    """What is missing proves nothing where the kernel lost records meanwhile."""
    for each in found:
        after = _lost(host) if each.holds is False else before
        if after != before:
            yield replace(each, holds=None, seen=f"{each.seen}; but the kernel lost records meanwhile")
        else:
            yield each


def _has_device_cgroup(host: Host) -> bool:
    """Whether libvirt can keep guests from devices here: by the controller of version 1, or in version 2 by BPF."""
    try:
        controllers = host.source.read("/proc/cgroups").text
    except (Absent, Unknown):
        return True
    listed = [line.split() for line in controllers.splitlines()]
    in_one = any(words[:1] == ["devices"] and words[-1:] == ["1"] and words[1:2] != ["0"] for words in listed)
    try:
        host.source.stat("/sys/fs/cgroup/cgroup.controllers")
    except (Absent, Unknown):
        return in_one
    return True
