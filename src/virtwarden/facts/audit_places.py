"""The places that auditing is about: what rules should watch, what they name, and the audit system's own files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from virtwarden.facts.audit import AUDITD_CONF, AuditRules
from virtwarden.facts.policy import Policy
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Source, Stat, Unknown, Want, looking

MADE_AT_BOOT = ("/run/", "/var/run/", "/dev", "/proc", "/sys")


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
                refused = refused if path.startswith(MADE_AT_BOOT) else unknown
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


Doer = Literal["emulator", "guests", "remote", "storage", "secrets"]
"""Who touches a place in its daily work: the emulators, and of libvirt's daemons those that run guests, listen for
clients, keep pools and keep secrets."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A path that audit rules should watch, the ways of access to record, and the blueprint's key for it.

    `usual` are those whose access is daily work, `by_people` that only what a person does is to be recorded.
    """

    path: str
    perm: str
    key: str
    usual: tuple[Doer, ...] = ()
    by_people: bool = False

    @property
    def made_at_boot(self) -> bool:
        """Whether it lies where nothing outlives a boot, so that it is not there yet when the rules are loaded."""
        return self.path.startswith(MADE_AT_BOOT)


DAEMONS = (
    "libvirtd",
    "virtqemud",
    "virtproxyd",
    "virtnetworkd",
    "virtsecretd",
    "virtstoraged",
    "virtnwfilterd",
    "virtnodedevd",
    "virtinterfaced",
)
EMULATORS = (
    "/usr/libexec/qemu-kvm",
    "/usr/bin/qemu-kvm",
    "/usr/bin/qemu-system-x86_64",
    "/usr/bin/kvm",
    "/usr/bin/qemu-system-aarch64",
    "/usr/bin/qemu-system-ppc64",
    "/usr/bin/qemu-system-s390x",
    "/usr/bin/qemu-system-i386",
)
_USES_OF_TLS = ("libvirt-vnc", "libvirt-spice", "qemu", "libvirt-migrate", "libvirt-nbd", "libvirt-chardev",
                "libvirt-backup")  # fmt: skip
_IMAGES = "virt_image_change"
WATCHED = (
    Watched("/etc/pki/libvirt/private/serverkey.pem", "r", "virt_tls_privkey", ("remote",)),
    Watched("/etc/pki/libvirt/private/clientkey.pem", "r", "virt_tls_privkey", ("guests",)),
    *(
        Watched(f"/etc/pki/{use}/{whose}-key.pem", "r", "virt_tls_privkey", ("emulator",))
        for use in _USES_OF_TLS
        for whose in ("server", "client")
    ),
    Watched("/etc/pki/CA/cacert.pem", "wa", "virt_tls_cert"),
    Watched("/etc/pki/libvirt", "wa", "virt_tls_cert"),
    *(Watched(f"/etc/pki/{use}", "wa", "virt_tls_cert") for use in _USES_OF_TLS),
    Watched("/etc/libvirt/secrets", "r", "virt_secret", ("secrets",)),
    Watched("/var/lib/libvirt/secrets", "rwa", "virt_secret", ("secrets",)),
    Watched("/etc/libvirt", "wa", "virt_libvirt_cfg"),
    *(
        Watched(f"/etc/{place}/{daemon}", "wa", "virt_libvirt_cfg")
        for place in ("sysconfig", "default")
        for daemon in ("libvirtd", "virtqemud", "virtproxyd")
    ),
    Watched("/etc/sasl2/libvirt.conf", "wa", "virt_libvirt_cfg"),
    Watched("/etc/sasl2/qemu.conf", "wa", "virt_libvirt_cfg"),
    Watched("/etc/polkit-1/rules.d", "wa", "virt_libvirt_cfg"),
    Watched("/var/lib/libvirt/images", "wa", _IMAGES, ("emulator", "guests", "storage")),
    Watched("/run/libvirt", "wa", "virt_runtime_change", by_people=True),
    Watched("/var/lib/libvirt/qemu", "wa", "virt_runtime_change", by_people=True),
    Watched("/var/cache/libvirt", "wa", "virt_runtime_change", by_people=True),
    Watched("/var/log/libvirt", "wa", "virt_log_change", by_people=True),
    *(Watched(f"/usr/sbin/{daemon}", "x", "virt_libvirtd_exec") for daemon in DAEMONS),
    *(Watched(f"/usr/sbin/{daemon}", "wa", "virt_libvirtd_change") for daemon in DAEMONS),
    *(Watched(emulator, "x", "virt_qemu_manual", by_people=True) for emulator in EMULATORS),
    *(Watched(emulator, "x", "virt_qemu_exec") for emulator in EMULATORS),
    *(Watched(emulator, "wa", "virt_qemu_change") for emulator in EMULATORS),
    Watched("/dev/kvm", "rw", "virt_kvm_dev", by_people=True),
)
"""In the order in which rules for them stand: the first rule that matches decides, so what is narrower comes first."""
AUDIT_FILES = (
    "/var/log/audit",
    "/var/log/audit/audit.log*",
    "/etc/audit",
    "/etc/audit/*.rules",
    "/etc/audit/rules.d/*",
    AUDITD_CONF,
)


_LOOKED_FOR = tuple(dict.fromkeys(each.path for each in WATCHED if not each.made_at_boot))


@dataclass(frozen=True, slots=True)
class AuditPlaces:
    """What is there of what audit rules should watch, and the audit system's own files by the pattern that they
    match. A pattern or path that could not be looked at has its refusal. Places that every boot makes anew are not
    among them: whether they are there now says nothing of the next boot."""

    watched: dict[Watched, Stat | Unknown]
    own: dict[str, Stat | Unknown]

    wants: ClassVar[tuple[Want, ...]] = tuple(map(looking, (*_LOOKED_FOR, *AUDIT_FILES)))

    @classmethod
    def further(cls, host: Host) -> Iterator[Want]:
        """The policy's image directories."""
        return map(looking, host.get(Policy).storage.image_directories)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Look at all of them."""
        wanted = (*WATCHED, *_further_images(host.get(Policy).storage.image_directories))
        host.source.fetch(looking(each.path) for each in wanted[len(WATCHED) :])
        lasting = [each for each in wanted if not each.made_at_boot]
        looked = {path: _looked_at(host.source, path) for path in dict.fromkeys(each.path for each in lasting)}
        watched = {each: found for each in lasting if (found := looked[each.path]) is not None}
        own: dict[str, Stat | Unknown] = {}
        for pattern in AUDIT_FILES:
            try:
                paths = host.source.glob(pattern)
            except Unknown as refused:
                own[pattern] = refused
                continue
            own |= {path: found for path in paths if (found := _looked_at(host.source, path)) is not None}
        return cls(watched, own)


def _further_images(directories: tuple[str, ...]) -> Iterator[Watched]:
    known = next(each for each in WATCHED if each.key == _IMAGES)
    for directory in directories:
        path = directory.rstrip("/")
        if path.startswith("/") and path != known.path and not set(path) & set(" \\\n"):
            yield replace(known, path=path)


def _looked_at(source: Source, path: str) -> Stat | Unknown | None:
    try:
        return source.stat(path)
    except Absent:
        return None  # not there, or rotated away between the listing and the look
    except Unknown as refused:
        return refused
