"""How an audit rule can be fired: the harmless act that reaches it first of all rules, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Kind, Source, Stat, Unknown
from virtwarden.lab import UNSET, Act, Way, Width
from virtwarden.prove.matching import LETTER, Verdict, World, match

_HARMLESS_TO_OPEN = frozenset(
    f"/dev/{name}"
    for name in [
        "kvm",
        "null",
        "zero",
        "full",
        "random",
        "urandom",
        "net/tun",
        "vhost-net",
        "vhost-vsock",
        "vfio/vfio",
        "ptmx",
        "tty",
    ]
)
_FILE_WAYS = (Way.APPEND, Way.READ, Way.MODE, Way.EXECUTE)
_SCRATCH = "/run"
_KINDS = {"char": "device", "block": "device", "fifo": "pipe"}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The act that fires a rule; `doubt` names a condition of which it cannot be told beforehand whether it holds."""

    act: Act
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class NotFired:
    """Why a rule is not fired. `holds` is False where it can never fire, and None where it cannot be tried."""

    holds: bool | None
    why: str


def choose(rule: Rule, before: Sequence[Rule], world: World, source: Source) -> Chosen | NotFired:
    """How to fire this rule, whom the rules `before` it may forestall: the first rule that applies decides."""
    target = _target(rule, source)
    if isinstance(target, NotFired):
        return target
    kind = None if target is None else target.kind
    reachable: list[tuple[Act, Verdict, str]] = []
    refused: list[tuple[Verdict, str]] = []
    for act in acts_for(rule, target, world):
        found = match(rule, act, world)
        if found.verdict >= Verdict.UNSURE:
            reachable.append((act, found.verdict, found.why))
        else:
            refused.append((found.verdict, found.why))
    if not reachable:
        return _unreachable(rule, kind, refused)
    forestalled: list[tuple[Rule, Verdict, str]] = []
    for act, _, doubt in sorted(reachable, key=lambda each: -each[1]):
        first = _first(act, before, world)
        if first is None:
            return Chosen(act, doubt)
        forestalled.append(first)
    sure = next((each for each in forestalled if each[1] is Verdict.UNSURE), None)
    if sure is not None:
        return Chosen(reachable[0][0], f"an earlier rule may take it: {_named(sure[0])}")
    return NotFired(False, f"an earlier rule takes all that it asks for: {_named(forestalled[0][0])}")


def _named(rule: Rule) -> str:
    return rule.text.strip()


def _unreachable(rule: Rule, kind: Kind | None, refused: list[tuple[Verdict, str]]) -> NotFired:
    never = [why for verdict, why in refused if verdict is Verdict.NEVER]
    if refused and len(never) == len(refused):
        return NotFired(False, never[0])
    if refused:
        closest = max(refused, key=lambda each: each[0])[1]
        return NotFired(None, f"it cannot be tried from here: {closest}")
    return NotFired(None, f"opening {rule.target}, a {_KINDS.get(kind or '', kind)}, may do more than be recorded")


def _first(act: Act, before: Sequence[Rule], world: World) -> tuple[Rule, Verdict, str] | None:
    """The first earlier rule that may apply, of those that surely do or may."""
    for rule in before:
        found = match(rule, act, world)
        if found.verdict >= Verdict.UNSURE:
            return rule, found.verdict, found.why
    return None


def _target(rule: Rule, source: Source) -> Stat | NotFired | None:
    """What the rule is about; None where it is about no path."""
    if rule.target is None:
        return None
    try:
        return source.stat(rule.target)
    except Absent:
        if rule.get("dir") is not None:
            return NotFired(False, f"{rule.target} is gone, and with it what it watched")
        return NotFired(None, f"there is no {rule.target} yet, and making it would not be harmless")
    except Unknown as refused:
        return NotFired(None, str(refused))


def acts_for(rule: Rule, target: Stat | None, world: World) -> Iterator[Act]:
    """The acts that come into question, the plainest first."""
    width: Width = "b32" if rule.get("arch") == "b32" else "b64"
    perm = rule.get("perm") or "rwxa"
    for login in _logins(rule, world):
        for path, inside, way in _touches(rule, target):
            if LETTER[way] in perm:
                yield Act(way, path, inside, login, width)


def _touches(rule: Rule, target: Stat | None) -> Iterator[tuple[str, bool, Way]]:
    path = rule.target
    if path is None or target is None:
        yield from ((_SCRATCH, True, way) for way in (Way.MAKE, *_FILE_WAYS))
    elif target.kind == "dir":
        yield path, True, Way.MAKE
        yield path, False, Way.READ
        yield from ((path, rule.get("path") is None, way) for way in (Way.MODE, Way.EXECUTE))
    elif target.kind == "file":
        is_program = target.mode & 0o111
        yield from ((path, False, way) for way in ((Way.EXECUTE, *_FILE_WAYS) if is_program else _FILE_WAYS))
    else:
        if target.kind == "char" and path in _HARMLESS_TO_OPEN:
            yield from ((path, False, way) for way in (Way.APPEND, Way.READ))
        yield path, False, Way.MODE


def _logins(rule: Rule, world: World) -> list[int | None]:
    """Our own login; root's; nobody's login; a person's that this host does not have; those that the rule names."""
    named = [int(each.value) for each in rule.all_of("auid") if each.value.isdigit()]
    others: list[int | None] = [0, UNSET, world.ourselves.nobody, *named]
    return [None, *(login for login in others if login != world.ourselves.login)]
