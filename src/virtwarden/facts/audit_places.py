"""The places that auditing is about: what rules should watch, what they name, and the audit system's own files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.audit import AUDITD_CONF, AuditRules
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking

_MADE_AT_BOOT = ("/run/", "/var/run/", "/dev", "/proc", "/sys")


@dataclass(frozen=True, slots=True)
class RuleDirectories:
    """The directories without which the kernel refuses rules that are written for them: those that are missing,
    and whether one could not be looked for."""

    missing: frozenset[str]
    refused: Unknown | None = None

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def further(cls, host: Host) -> Iterator[Want]:
        """Every directory that a rule names."""
        return map(looking, _needed(host))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look for the directories of all rules on disk."""
        needed = _needed(host)
        host.source.fetch(map(looking, needed))
        missing: set[str] = set()
        refused: Unknown | None = None
        for path in needed:
            try:
                host.source.stat(path)
            except Absent:
                missing.add(path)
            except Unknown as unknown:
                refused = refused if path.startswith(_MADE_AT_BOOT) else unknown
        return cls(frozenset(missing), refused)


def directory_of(rule: Rule) -> str:
    """The directory that a rule needs: the one it watches, or that in which its file would be."""
    directory = rule.get("dir")
    if directory is not None:
        return directory.rstrip("/") or "/"
    target = rule.target
    return "/" if target is None else target.rstrip("/").rpartition("/")[0] or "/"


def _needed(host: Host) -> list[str]:
    return sorted({directory_of(rule) for _, rule in host.get(AuditRules).in_order()} - {"/"})


@dataclass(frozen=True, slots=True)
class Watched:
    """A path that audit rules should watch, the ways of access to record, and the blueprint's key for it."""

    path: str
    perm: str
    key: str


_DAEMONS = ("libvirtd", "virtqemud", "virtproxyd", "virtnetworkd", "virtsecretd", "virtstoraged", "virtnwfilterd")
_EMULATORS = ("/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm", "/usr/bin/qemu-system-x86_64", "/usr/bin/kvm")
WATCHED = (
    Watched("/etc/libvirt", "wa", "virt_libvirt_cfg"),
    Watched("/etc/sysconfig/libvirtd", "wa", "virt_libvirt_cfg"),
    Watched("/etc/default/libvirtd", "wa", "virt_libvirt_cfg"),
    Watched("/etc/sasl2/libvirt.conf", "wa", "virt_libvirt_cfg"),
    Watched("/etc/sasl2/qemu.conf", "wa", "virt_libvirt_cfg"),
    Watched("/etc/pki/CA/cacert.pem", "wa", "virt_tls_cert"),
    Watched("/etc/pki/libvirt", "wa", "virt_tls_cert"),
    Watched("/etc/pki/libvirt-vnc", "wa", "virt_tls_cert"),
    Watched("/etc/pki/libvirt-spice", "wa", "virt_tls_cert"),
    Watched("/etc/pki/qemu", "wa", "virt_tls_cert"),
    Watched("/etc/pki/libvirt/private/serverkey.pem", "r", "virt_tls_privkey"),
    Watched("/etc/pki/libvirt-vnc/server-key.pem", "r", "virt_tls_privkey"),
    Watched("/etc/pki/libvirt-spice/server-key.pem", "r", "virt_tls_privkey"),
    Watched("/var/lib/libvirt/images", "wa", "virt_image_change"),
    Watched("/var/lib/libvirt/qemu", "wa", "virt_runtime_change"),
    Watched("/var/log/libvirt", "wa", "virt_log_change"),
    *(Watched(f"/usr/sbin/{daemon}", "x", "virt_libvirtd_exec") for daemon in _DAEMONS),
    *(Watched(emulator, "x", "virt_qemu_exec") for emulator in _EMULATORS),
)
AUDIT_FILES = (
    "/var/log/audit",
    "/var/log/audit/audit.log*",
    "/etc/audit",
    "/etc/audit/*.rules",
    "/etc/audit/rules.d/*",
    AUDITD_CONF,
)


@dataclass(frozen=True, slots=True)
class AuditPlaces:
    """What is there of what audit rules should watch, and the audit system's own files by the pattern that they
    match. A pattern or path that could not be looked at has its refusal."""

    watched: dict[Watched, Stat | Unknown]
    own: dict[str, Stat | Unknown]

    wants: ClassVar[tuple[Want, ...]] = tuple(map(looking, (*(each.path for each in WATCHED), *AUDIT_FILES)))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at all of them."""
        watched = {each: found for each in WATCHED if (found := _looked_at(host.source, each.path)) is not None}
        own: dict[str, Stat | Unknown] = {}
        for pattern in AUDIT_FILES:
            try:
                paths = host.source.glob(pattern)
            except Unknown as refused:
                own[pattern] = refused
                continue
            own |= {path: found for path in paths if (found := _looked_at(host.source, path)) is not None}
        return cls(watched, own)


def _looked_at(source: Source, path: str) -> Stat | Unknown | None:
    try:
        return source.stat(path)
    except Absent:
        return None  # not there, or rotated away between the listing and the look
    except Unknown as refused:
        return refused
