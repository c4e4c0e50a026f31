"""That a `never` rule keeps QEMU's own work out of the log, while the rule behind it still records everybody else's."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace

from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Source, Unknown
from virtwarden.lab import UNSET, Act, Ear, Impossible, Lab, Way
from virtwarden.model import Observation
from virtwarden.prove.choosing import Chosen, choose
from virtwarden.prove.heard import events
from virtwarden.prove.matching import Verdict, World, match

_CAN_BE_ASKED = ("qemu-img", "qemu-system-", "qemu-kvm")


def prove_exclusions(
    lab: Lab, every: Sequence[Rule], wanted: Sequence[Rule], world: World, source: Source
) -> Iterator[Observation]:
    """One observation a `never` rule that excludes a program which can be asked to make a file in a watched directory.
    Raises `Deaf`."""
    for at, never in enumerate(every):
        act = _act(never, every[:at], world)
        if act is None:
            continue
        behind = next((rule for rule in every[at + 1 :] if match(rule, act, world).verdict is Verdict.MET), None)
        if behind is None or behind not in wanted:
            continue
        twin = choose(behind, every[: every.index(behind)], world, source)
        if isinstance(twin, Chosen):
            with lab.listening() as ear:
                tried = _tried(behind, act, twin.act, lab, ear)
            if tried.holds is False and _is_script(act.program, source):
                said = f"{tried.seen}; {act.program} is a script, and the kernel sees the program that it becomes"
                tried = replace(tried, seen=said)
            yield tried


def _is_script(program: str, source: Source) -> bool:
    try:
        return source.head(program, 2).data == b"#!"
    except (Absent, Unknown):
        return False


def _act(never: Rule, before: Sequence[Rule], world: World) -> Act | None:
    """What the excluded program can be asked to do that no earlier rule speaks of."""
    program, directory = never.get("exe"), never.get("dir") or never.get("watch")
    if never.action != "never" or program is None or directory is None:
        return None
    if not os.path.basename(program).startswith(_CAN_BE_ASKED):
        return None
    for login in (None, UNSET):
        act = Act(Way.MAKE, directory, inside=True, login=login, program=program)
        if match(never, act, world).verdict is Verdict.MET:
            earlier = any(match(rule, act, world).verdict >= Verdict.UNSURE for rule in before)
            return None if earlier else act
    return None


def _tried(behind: Rule, act: Act, twin: Act, lab: Lab, ear: Ear) -> Observation:
    """The excluded program first, then we: once ours has arrived, the other's would have arrived too."""
    claim = f"making a file in {act.path} by {act.program} is not recorded as {', '.join(behind.keys)}"
    try:
        theirs, ours = lab.act(act), lab.act(replace(twin, program=""))
    except Impossible as why:
        return Observation(claim, None, str(why))
    heard = [each for each in events(ear.heard()) if set(behind.keys) <= set(each.keys)]
    of_theirs = [each.id for each in heard if each.place == theirs.place]
    of_ours = [each.id for each in heard if each.place == ours.place]
    if of_theirs:
        return Observation(claim, False, f"record {of_theirs[0]}")
    if not of_ours:
        return Observation(claim, None, "no record came of what is not excluded either")
    return Observation(claim, True, f"no record came, while ours did: {of_ours[0]}")
