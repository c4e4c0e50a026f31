"""What the linter may know of a host, gathered from its facts; what cannot be told is left open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from virtwarden.facts.audit import COMPILED, AuditRules
from virtwarden.facts.audit_actors import AuditActors, PolicyTypes
from virtwarden.facts.audit_places import MADE_AT_BOOT, directory_of
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.selinux import Selinux
from virtwarden.formats import auditrules
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Unknown, looking
from virtwarden.ruleset.lint.remark import Around
from virtwarden.ruleset.situation import VIRT_FILE


def around(host: Host, texts: Iterable[str]) -> Around:
    """What is known of a host for the rules of these texts."""
    rules_of = [rule for text in texts for rule in auditrules.parse(text).rules]
    actors = host.get(AuditActors)
    rules = _rules(host)
    return Around(
        lsm="selinux" if actors.selinux else _other_module(host, rules),
        types=frozenset(type_ for doing in actors.doing.values() for type_ in doing.types) | _types(host),
        missing=_missing(host, rules_of),
        directories=_directories(host, rules_of),
        arches=actors.arches or Around().arches,
        modular=_modular(host),
        emulators=actors.doing["emulator"].programs,
        before_rules_d=rules is not None and rules.home_of(VIRT_FILE) == COMPILED,
    )


def _other_module(host: Host, rules: AuditRules | None) -> str | None:
    """What runs in SELinux's place; a host without any of its files runs none of it, whatever else."""
    if rules is not None and rules.lsm is not None:
        return rules.lsm
    try:
        host.get(Selinux)
    except Absent:
        return "none"
    except Unknown:
        pass
    return None


def _types(host: Host) -> frozenset[str]:
    try:
        return host.get(PolicyTypes).types or frozenset()
    except (Absent, Unknown):
        return frozenset()


def _rules(host: Host) -> AuditRules | None:
    try:
        return host.get(AuditRules)
    except (Absent, Unknown):
        return None


def _missing(host: Host, rules: Sequence[Rule]) -> frozenset[str]:
    needed = sorted({directory_of(rule) for rule in rules} - {"/"})
    host.source.fetch(map(looking, needed))
    return frozenset(path for path in needed if not path.startswith(MADE_AT_BOOT) and _is_missing(host, path))


def _directories(host: Host, rules: Sequence[Rule]) -> frozenset[str] | None:
    """The watched paths that are directories; None where one could not be looked at."""
    watched = sorted({rule.target or "" for rule in rules if rule.is_watch})
    host.source.fetch(map(looking, watched))
    found: set[str] = set()
    for path in watched:
        try:
            found |= {path} if host.source.stat(path).kind == "dir" else set()
        except Absent:
            continue
        except Unknown:
            return None
    return frozenset(found)


def _is_missing(host: Host, path: str) -> bool:
    try:
        host.source.stat(path)
    except Absent:
        return True
    except Unknown:
        return False
    return False


def _modular(host: Host) -> bool | None:
    try:
        return host.get(Libvirt).modular
    except (Absent, Unknown):
        return None


def texts_of(host: Host) -> list[tuple[str, str]]:
    """The rules files of a host, in the order of loading. Raises `Absent` or `Unknown`."""
    return [(file.text.path, file.text.text) for file in host.get(AuditRules).written]
