"""Which rule the kernel applies is what `matching` and `choosing` say: random rules, loaded for real."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.real import auditd as harness
from tests.real.auditd import Auditd, auditctl, kernel_audit
from virtwarden.facts.audit import AuditRules
from virtwarden.host import Host
from virtwarden.labs.thishost import ThisHost
from virtwarden.prove.audit import interpreter, prove_rules
from virtwarden.prove.choosing import NotFired, acts_for, choose
from virtwarden.prove.heard import events
from virtwarden.prove.matching import World
from virtwarden.sources.local import Local

pytestmark = pytest.mark.libvirt
ROUNDS = 40
_PERMS = ("w", "r", "a", "x", "wa", "rw", "wax", "rwxa")
_WHO = (
    *(
        "-F auid!=unset",
        "-F auid=unset",
        "-F auid>=1000",
        "-F auid=0",
        "-F auid<1000",
        "-C auid!=uid",
        "-C uid=auid",
    ),
    *("-F uid=0", "-F uid!=0", "-F euid>=100", "-F gid=0", "-F success=1", "-F sessionid!=unset"),
    *("", "", "", ""),
)


def random_rules(chance: random.Random, place: Path) -> list[str]:
    """A handful of rules about the same few files, so that they get in each other's way."""
    targets = (
        *(f"-F dir={place}", f"-F dir={place}/etc", f"-F path={place}/etc/file", f"-F path={place}/etc"),
        *(f"-F path={place}/program", f"-F dir={place}/etc/inner", ""),
    )
    exes = (os.path.realpath(sys.executable), "/usr/bin/true", f"{place}/program")
    made = []
    for number in range(chance.randint(2, 6)):
        action = chance.choice(("always", "always", "never"))
        arch = chance.choice(("b64", "b64", "b32"))
        what = chance.choice(
            (f"-F perm={chance.choice(_PERMS)}", "-S openat,open", "-S execve", "-S chmod,fchmodat")
        )
        words = [
            f"-a {action},exit -F arch={arch}",
            *what.split("\0"),
            chance.choice(targets),
            chance.choice(_WHO),
        ]
        if chance.random() < 0.15:
            words.append(f"-F exe={chance.choice(exes)}")
        key = f"-F key=virt_{number}" if action == "always" else ""
        made.append(" ".join(filter(None, [*words, key])))
    return list(dict.fromkeys(made))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A few files, while the kernel's audit system is ours."""
    if reason := harness.why_not():
        pytest.skip(reason)
    (tmp_path / "watched/etc/inner").mkdir(parents=True)
    (tmp_path / "watched/etc/file").write_text("a setting")
    (tmp_path / "watched/program").write_text("#!/bin/true\n")
    (tmp_path / "watched/program").chmod(0o755)
    with kernel_audit():
        yield tmp_path / "watched"


def recorded_all_the_same(host: Host, lab: ThisHost) -> list[str]:
    """The records of rules that are said to be taken by earlier ones, after every act that comes into question."""
    loaded, _ = host.get(AuditRules).in_force()
    world = World(lab.ourselves(), "none", lab.knows_type, partial(interpreter, host.source))
    found = []
    for at, rule in enumerate(loaded.rules):
        chosen = choose(rule, loaded.rules[:at], world, host.source)
        if rule.action == "always" and isinstance(chosen, NotFired) and chosen.holds is False:
            with lab.listening() as ear:
                target = None if rule.target is None else host.source.stat(rule.target)
                places = [lab.act(act).place for act in acts_for(rule, target, world)]
                heard = [each for each in events(ear.heard()) if each.place in places]
                found += [f"{rule.text}: {each.id}" for each in heard if each.keys == rule.keys]
    return found


def test_no_record_stays_away_that_was_expected_and_none_comes_under_another_key(place: Path) -> None:
    seed = random.SystemRandom().randrange(1 << 32)
    chance = random.Random(seed)
    seen: Counter[bool | None] = Counter()
    with Auditd(place.parent / "auditd") as auditd:
        lab = ThisHost(str(auditd.log))
        with lab.open((str(place), str(place / "etc"))):
            for _ in range(ROUNDS):
                rules = random_rules(chance, place)
                auditd.load("".join(f"{rule}\n" for rule in rules))
                host = Host(Local())
                found = list(prove_rules(host, lab))
                assert recorded_all_the_same(host, lab) == [], f"seed {seed}, rules:\n" + "\n".join(rules)
                auditctl("-D")
                wrong = [each for each in found if each.holds is False and "an earlier rule" not in each.seen]
                wrong = [each for each in wrong if not each.seen.startswith("no loaded rule")]
                assert wrong == [], f"seed {seed}, rules:\n" + "\n".join(rules)
                seen.update(each.holds for each in found)
    assert seen[True] > ROUNDS
