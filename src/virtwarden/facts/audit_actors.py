"""Who touches guests' files in daily work: the programs, and the SELinux types that their processes run as.

Rules that leave daily work out need these. A type that the loaded policy does not know makes a rule that never
matches, so a type is only told where the policy itself speaks of it: the guests' in `virtual_domain_context`, which
libvirt reads too; a daemon's as its program's label says, `virtqemud_exec_t` starting `virtqemud_t`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.audit import AuditRules
from virtwarden.facts.audit_places import DAEMONS, EMULATORS
from virtwarden.facts.selinux import Selinux, type_of
from virtwarden.formats.filecontexts import parse
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking, reading

_CONTEXTS = "/etc/selinux/*/contexts/virtual_domain_context"
_WRAPPED = ("/usr/libexec/qemu-system-i386",)
"""Emulators that a script of the usual name starts, as on Debian: a rule by program has to name the program."""
_TOOLS = ("/usr/bin/qemu-img",)
_OTHERS = ("/usr/sbin/logrotate", "/usr/sbin/virtlogd")
_PROGRAMS = (*(f"/usr/sbin/{daemon}" for daemon in DAEMONS), *EMULATORS, *_WRAPPED, *_TOOLS, *_OTHERS)
_ENDING = "_exec_t"
_LOADERS = {
    "/lib64/ld-linux-x86-64.so.2": ("b64", "b32"),
    "/lib/ld64.so.1": ("b64", "b32"),
    "/lib64/ld64.so.2": ("b64",),
    "/lib/ld-linux-aarch64.so.1": ("b64",),
    "/lib/ld-linux-riscv64-lp64d.so.1": ("b64",),
    "/lib64/ld-linux-loongarch-lp64d.so.1": ("b64",),
}
"""The loader of programs of each 64-bit machine (x86_64, s390x, ppc64le, aarch64, riscv64, loongarch64) with the kinds
of system calls that its kernel takes. 32-bit calls of ARM are left out: few of its kernels have them, and auditctl
may refuse to ask for them."""
_NARROW_LOADER = "/lib/ld-linux.so.2"


@dataclass(frozen=True, slots=True)
class Doing:
    """One doer: the real paths of its programs that are here, and the types of its processes, none where they
    cannot be told."""

    programs: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyTypes:
    """The types that the policy is known to have: those that its file contexts give to files, those that a program so
    labelled starts, and those of guests. It may have others. None where its contexts could not be read."""

    types: frozenset[str] | None

    wants: ClassVar[tuple[Want, ...]] = Selinux.wants

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Raises `Absent` where the host does not run SELinux, `Unknown` where that cannot be told."""
        if _has_another_module(host):
            raise Absent("SELinux is not in use")
        selinux = host.get(Selinux)
        if not selinux.is_in_use:
            raise Absent("SELinux is not in use")
        if isinstance(selinux.contexts, Unknown) or not selinux.contexts:
            return cls(None)
        rules = (
            rule for text in selinux.contexts.values() if ".subs" not in text.path for rule in parse(text.text)
        )
        given = {type_ for rule in rules if (type_ := type_of(rule.context))}
        started = {f"{each.removesuffix(_ENDING)}_t" for each in given if each.endswith(_ENDING)}
        guests = {type_ for doing in host.get(AuditActors).doing.values() for type_ in doing.types}
        return cls(frozenset(given | started | guests) or None)


@dataclass(frozen=True, slots=True)
class AuditActors:
    """The doers by name, and whether their types count: `selinux` where the kernel or, for an image, its next boot has
    a policy. `arches` are the kinds of system calls that the host's kernel takes, its own first, read off a program;
    none where no program could be looked into."""

    doing: dict[str, Doing]
    selinux: bool
    arches: tuple[str, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *map(looking, (*_PROGRAMS, *_LOADERS, _NARROW_LOADER)),
        reading(_CONTEXTS),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at the programs. Never raises: what cannot be told is left out."""
        source = host.source
        found = {path: stat for path in _PROGRAMS if (stat := _stat(source, path)) is not None}
        selinux = _selinux(host)
        doing = {
            "emulator": Doing(
                _real(found, (*EMULATORS, *_WRAPPED)), _guest_types(source) if selinux is not None else ()
            ),
            "tools": Doing(_real(found, _TOOLS)),
        }
        for name, paths in _DOERS.items():
            here = [found[path] for path in paths if path in found]
            types = [] if selinux is None else [_type(stat, selinux) for stat in here]
            known = tuple(dict.fromkeys(each for each in types if each is not None))
            doing[name] = Doing(_real(found, paths), known if None not in types else ())
        return cls(doing, selinux is not None, _arches(source))


_DOERS = {
    name: tuple(f"/usr/sbin/{program}" for program in programs)
    for name, programs in {
        "guests": ("libvirtd", "virtqemud"),
        "remote": ("libvirtd", "virtproxyd"),
        "storage": ("libvirtd", "virtstoraged"),
        "secrets": ("libvirtd", "virtsecretd"),
        "logrotate": ("logrotate",),
        "virtlogd": ("virtlogd",),
    }.items()
}


def _stat(source: Source, path: str) -> Stat | None:
    try:
        return source.stat(path)
    except (Absent, Unknown):
        return None


def _real(found: dict[str, Stat], paths: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found[path].real for path in paths if path in found))


def _has_another_module(host: Host) -> bool:
    try:
        return host.get(AuditRules).lsm in ("apparmor", "none")
    except (Absent, Unknown):
        return False


def _selinux(host: Host) -> Selinux | None:
    if _has_another_module(host):
        return None
    try:
        selinux = host.get(Selinux)
    except (Absent, Unknown):
        return None
    return selinux if selinux.is_in_use else None


def _guest_types(source: Source) -> tuple[str, ...]:
    types: dict[str, None] = {}
    try:
        for path in source.glob(_CONTEXTS):
            found = (type_of(line.strip()) for line in source.read(path).lines)
            types |= dict.fromkeys(each for each in found if each)
    except (Absent, Unknown):
        return ()
    return tuple(types)


def _type(stat: Stat, selinux: Selinux) -> str | None:
    label = type_of(stat.label)
    if label is None:
        try:
            rule = selinux.label_rule(stat.real, "file")
        except Unknown:
            return None
        label = None if rule is None else rule.type
    return f"{label.removesuffix(_ENDING)}_t" if label is not None and label.endswith(_ENDING) else None


def _arches(source: Source) -> tuple[str, ...]:
    found = [arches for path, arches in _LOADERS.items() if _stat(source, path) is not None]
    if len(found) == 1:
        return found[0]
    return ("b32",) if not found and _stat(source, _NARROW_LOADER) is not None else ()
