"""What the linter may know of a host, gathered from its facts; what cannot be told is left open."""

from __future__ import annotations

from collections.abc import Iterable

from virtwarden.facts.audit import COMPILED, AuditRules
from virtwarden.facts.audit_actors import AuditActors, PolicyTypes
from virtwarden.facts.audit_places import MADE_AT_BOOT, directory_of
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.selinux import Selinux
from virtwarden.formats import auditrules
from virtwarden.host import Absent, Host, Unknown, looking
from virtwarden.ruleset.lint.remark import Around
from virtwarden.ruleset.situation import VIRT_FILE


def around(host: Host, texts: Iterable[str]) -> Around:
    """What is known of a host for the rules of these texts."""
    actors = host.get(AuditActors)
    rules = _rules(host)
    return Around(
        lsm="selinux" if actors.selinux else _other_module(host, rules),
        types=frozenset(type_ for doing in actors.doing.values() for type_ in doing.types) | _types(host),
        missing=_missing(host, texts),
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


def _missing(host: Host, texts: Iterable[str]) -> frozenset[str]:
    needed = sorted({directory_of(rule) for text in texts for rule in auditrules.parse(text).rules} - {"/"})
    host.source.fetch(map(looking, needed))
    return frozenset(path for path in needed if not path.startswith(MADE_AT_BOOT) and _is_missing(host, path))


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
