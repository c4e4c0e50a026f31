"""Run inside a machine: applies a plan to it, killed at one point after another, and takes it back each time.

Prints one line of JSON: how often which end was seen, and what went wrong.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.apply.killing import killed_at, points_of
from tests.apply.worlds import tree
from virtwarden.apply import Applying
from virtwarden.controls import every_control
from virtwarden.facts.policy import policy_from
from virtwarden.host import Host
from virtwarden.journal import Journal, Status
from virtwarden.report import planjson
from virtwarden.scan import scan
from virtwarden.sources.local import Local
from virtwarden.sources.redact import Redacted
from virtwarden.stores.keeper import Keeper
from virtwarden.stores.programs import Programs
from virtwarden.undo import undo

PLAN = planjson.load(sys.argv[1])
SHARE = int(sys.argv[2])
JOURNAL = Journal(Path("/var/lib/virt-warden"))


def judge(ids: tuple[str, ...]) -> object:
    policy = policy_from(PLAN.policy, where="the plan")
    return scan(Host(Redacted(Local()), policy), [c for c in every_control() if c.id in ids])


def apply() -> None:
    with JOURNAL.locked(20) as held:
        keeper = Keeper("/", Programs((held,)))
        Applying(JOURNAL, keeper, Local(), judge, lambda _: None).apply(PLAN)  # type: ignore[arg-type]


def take_back() -> None:
    with JOURNAL.locked(60) as held:
        found = JOURNAL.open_transaction() or next(iter(JOURNAL.history()))
        undo(JOURNAL, found, Keeper("/", Programs((held,))), "asked for", lambda _: None)


def state() -> dict[str, object]:
    ask = Programs().must
    names = ask(("virsh", "-q", "list", "--all", "--name")).split()
    return {
        "files": {
            path: value for path, value in tree(Path("/etc")).items() if not path.startswith("libvirt/qemu/")
        },
        "domains": {n: ask(("virsh", "dumpxml", "--inactive", "--security-info", n)) for n in names},
        "filter": ask(("virsh", "nwfilter-dumpxml", "no-mac-spoofing")),
        "bindings": sorted(ask(("virsh", "-q", "nwfilter-binding-list")).split("\n")),
        "sysctl": ask(("sysctl", "-n", "net.ipv6.conf.br1.disable_ipv6")),
    }


def kills(work: Callable[[], None], before: Callable[[], None]) -> tuple[Counter[str], list[str]]:
    start, seen, wrong = state(), Counter[str](), []
    before()
    points = points_of(work)
    if next(iter(JOURNAL.history())).status is not Status.ROLLED_BACK:
        take_back()
    for point in range(1, points + 1, max(points // SHARE, 1)):
        before()
        killed = killed_at(point, work)
        found = JOURNAL.open_transaction()
        seen["not killed" if not killed else "open" if found else "closed"] += 1
        if found is not None or next(iter(JOURNAL.history())).status is Status.APPLIED:
            take_back()
        differs = [key for key, value in state().items() if value != start[key]]
        if differs:
            wrong.append(f"killed at {point} of {points}: {', '.join(differs)} differ")
            break
    seen["points"] = points
    return seen, wrong


def nothing() -> None:
    return None


applied, wrong = kills(apply, nothing)
undone, also_wrong = ({}, []) if wrong else kills(take_back, apply)
print(json.dumps({"applied": applied, "undone": undone, "wrong": wrong + also_wrong}))
