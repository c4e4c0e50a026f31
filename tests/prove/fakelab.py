"""A lab that does nothing: what would be recorded is decided by a list of rules, as the kernel would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.kit import made
from virtwarden.facts.audit import AuditRules
from virtwarden.formats.auditrules import Rule, listing
from virtwarden.host import Host, Output, Stat
from virtwarden.lab import UNSET, Act, Deaf, Done, Impossible, Ourselves, ThrowAway
from virtwarden.prove.matching import Verdict, World, match

ROOT = Ourselves(login=UNSET, program="/usr/bin/python3", type="", nobody=59999)
GUEST = ThrowAway(
    "virt-warden-proof-0123456789abcdef",
    "6d6f636b-0000-4000-8000-000000000009",
    ("dac",),
    "02:00:00:00:00:01",
    1024,
)
_HEAD = "type={type} msg=audit(1796053718.182:{serial}): {rest}"


@dataclass
class FakeLab:
    """Acts are recorded by the first of `rules` that applies; `deaf` says why nothing arrives."""

    rules: tuple[Rule, ...] = ()
    we: Ourselves = ROOT
    lsm: str = "none"
    deaf: str = ""
    impossible: str = ""
    types: tuple[str, ...] = ()
    guest_lines: tuple[str, ...] = ()
    done: list[Act] = field(default_factory=list)
    _lines: list[str] = field(default_factory=list)

    def ourselves(self) -> Ourselves:
        return self.we

    def act(self, act: Act) -> Done:
        if self.impossible:
            raise Impossible(self.impossible)
        self.done.append(act)
        place, serial = f"/run/virt-warden-proof-{len(self.done)}", len(self.done)
        rule = next((r for r in self.rules if match(r, act, self._world()).verdict is Verdict.MET), None)
        if rule is not None and rule.action == "always":
            keys = "\x01".join(rule.keys)
            key = f'"{keys}"' if len(rule.keys) == 1 else keys.encode().hex().upper()
            rest = f'arch=c000003e syscall=257 success=yes comm="python3" key={key}\x1dARCH=x86_64'
            self._lines.append(_HEAD.format(type="SYSCALL", serial=serial, rest=rest))
            self._lines.append(_HEAD.format(type="CWD", serial=serial, rest=f'cwd="{place}"'))
        return Done(place)

    def knows_type(self, name: str) -> bool | None:
        return name in self.types if self.lsm == "selinux" else None

    @contextmanager
    def listening(self) -> Iterator[FakeLab]:
        yield self

    def heard(self) -> tuple[str, ...]:
        if self.deaf:
            raise Deaf(self.deaf)
        return tuple(self._lines)

    @contextmanager
    def guest(self) -> Iterator[ThrowAway]:
        if self.impossible:
            raise Impossible(self.impossible)
        self._lines += self.guest_lines
        yield GUEST

    def _world(self) -> World:
        return World(self.we, self.lsm, self.knows_type)


def audited(
    loaded: str,
    *stats: Stat,
    lsm: str = "none",
    status: str = "enabled 1\npid 700\nlost 0\n",
    further: Callable[[], dict[tuple[str, ...], str]] = dict,
    rules: AuditRules | None = None,
) -> Host:
    """A host with these rules loaded; `status` is what auditctl -s says."""
    output = Output(("auditctl", "-l"), 0, loaded, "", made().taken_at)
    known = rules or AuditRules((), None, listing(loaded), output, lsm)
    commands = {("auditctl", "-s"): status, **further()}
    return made(known, stats=stats, commands=commands)


def in_force(host: Host) -> tuple[Rule, ...]:
    """The rules that the kernel of this host holds."""
    return host.get(AuditRules).in_force()[0].rules
