"""What has to happen for a running system to take a changed document, and when that shows.

A table from documents to activations. Judging a plan needs to know beforehand what restarts; doing it is the
business of `stores`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from virtwarden.edits import CopyOf, Edit, RemoveLine, SetConf, SetLine, SetState
from virtwarden.formats.keyvalue import sysctl_key
from virtwarden.model import Activation, Document

_GUESTS_STAY = "guests keep running; open connections to libvirt are cut off"
_REBOOT = "the host is booted again"
_RESTART = "the guest is started anew"


ONE_WAY = ("kernel.unprivileged_bpf_disabled", "kernel.kexec_load_disabled", "kernel.modules_disabled")
"""Sysctls that a running kernel does not take back: they are set by the files alone, at the next boot."""


@dataclass(frozen=True, slots=True)
class Daemons:
    """The names of libvirt's daemons on this host: the one that runs guests and the one that listens."""

    qemu: str = "libvirtd"
    remote: str = "libvirtd"
    network: str = "libvirtd"


def _restart_own(path: str, _: Daemons) -> Activation:
    return Activation("restart", PurePosixPath(path).stem, _GUESTS_STAY)


def _of_drop_in(path: str, _: Daemons) -> Activation:
    return Activation("restart", PurePosixPath(path).parent.name.removesuffix(".d"), "if it runs")


def _fixed(verb: str, what: str = "", note: str = "") -> Callable[[str, Daemons], Activation]:
    return lambda _path, _daemons: Activation(verb, what, note)


_BY_PLACE: tuple[tuple[re.Pattern[str], Callable[[str, Daemons], Activation]], ...] = tuple(
    (re.compile(pattern), made)
    for pattern, made in (
        (r"/etc/libvirt/virtlogd\.conf\Z", _fixed("reload", "virtlogd", "guests and their logs stay open")),
        (r"/etc/libvirt/virtlockd\.conf\Z", _fixed("reload", "virtlockd", "guests keep their locks")),
        (r"/etc/libvirt/(?:libvirtd|virt\w+d)\.conf\Z", _restart_own),
        (r"/etc/libvirt/qemu(?:-\w+)?\.conf\Z", lambda _, d: Activation("restart", d.qemu, _GUESTS_STAY)),
        (
            r"/etc/libvirt/(?:network|nwfilter)\.conf\Z",
            lambda _, d: Activation("restart", d.network, _GUESTS_STAY),
        ),
        (r"/etc/(?:default|sysconfig)/(?:libvirtd|virt\w+d)\Z", _restart_own),
        (r"/etc/(?:default|sysconfig)/libvirt-bin\Z", _fixed("restart", "libvirtd", _GUESTS_STAY)),
        (
            r"/etc/pki/(?:CA|libvirt)/(?!private/clientkey|clientcert)",
            lambda _, d: Activation(
                "update-tls", d.remote, "open connections stay; new ones get the new certificates"
            ),
        ),
        (
            r"/etc/pki/(?:libvirt-vnc|qemu)/",
            _fixed("reload-displays", "vnc", "guests keep running, and so do open sessions"),
        ),
        (r"/etc/sasl2/libvirt\.conf\Z", lambda _, d: Activation("restart", d.remote, _GUESTS_STAY)),
        (r"/etc/systemd/system/[^/]+\.d/[^/]+\.conf\Z", _of_drop_in),
        (
            r"/etc/audit/(?:rules\.d/[^/]+|audit)\.rules\Z",
            _fixed("audit-rules", "", "the kernel's audit rules are loaded anew"),
        ),
        (r"/etc/audit/auditd\.conf\Z", _fixed("reload", "auditd")),
        (r"/etc/ssh/sshd_config", _fixed("reload", "sshd", "open sessions stay")),
        (r"/etc/virt-warden/management\.nft\Z", _fixed("nft", "", "connections that are open stay")),
        (r"/etc/ufw/", _fixed("ufw", "", "connections that are open stay")),
        (r"/etc/firewalld/", _fixed("firewalld", "", "connections that are open stay")),
        (r"/etc/udev/rules\.d/", _fixed("udev")),
        (r"/etc/exports(?:\.d/|\Z)", _fixed("exports")),
        (r"/etc/apparmor\.d/", _fixed("apparmor")),
        (r"/etc/default/grub", _fixed("grub", "", "the boot menu is made anew")),
    )
)

_LATER: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), when)
    for pattern, when in (
        (r"/etc/libvirt/qemu(?:-\w+)?\.conf\Z", _RESTART),
        (r"/etc/libvirt/virt(?:log|lock)d\.conf\Z", _RESTART),
        (r"/etc/(?:modprobe|modules-load)\.d/", _REBOOT),
        (r"/etc/selinux/config\Z|/boot/|/etc/default/grub|/etc/kernel/cmdline", _REBOOT),
        (
            r"/etc/(?:network|NetworkManager|netplan|systemd/network|sysconfig/network)",
            "the network is started anew",
        ),
    )
)

_CERTIFICATES = re.compile(r"/etc/pki/|/\.pki/|/\.spicec/")
_CUTTING = re.compile(
    r"/etc/ssh/|/etc/(?:firewalld|ufw)/|/etc/(?:sysconfig/)?nftables|\.nft\Z|/etc/polkit-1/"
    r"|/etc/(?:network|NetworkManager|netplan|systemd/network|sysconfig/network)"
    r"|/etc/sasl2/|/authorized_keys2?\Z"
)
_OF_LIBVIRT = re.compile(r"/etc/libvirt/(?:libvirtd|virtproxyd|virtqemud)\.conf\Z")
_WAY_IN = re.compile(r"listen|tls|tcp|auth|unix_sock|sasl|access|mdns|host_uuid|(?:ca|cert|key|crl)_file")
_CUTTING_UNITS = re.compile(
    r"(?:ssh|libvirtd|virt\w+d|network|NetworkManager|firewalld|nftables|virtwarden|virt-warden)"
)


def activations_of(document: Document, path: str, edits: Sequence[Edit], daemons: Daemons) -> Iterator[Activation]:
    """What has to be done, once each, for this document to be taken."""
    if document.kind == "fcontext" and any(edit != SetState("absent") for edit in edits):
        directory = document.name.partition("(")[0]
        yield Activation(
            "restorecon", directory, "files get the labels of the policy; those of running guests stay"
        )
    if document.kind not in ("file", "boot"):
        return
    if path.startswith(("/etc/systemd/system/", "/etc/systemd/network/")):
        yield Activation("daemon-reload")
    if re.match(r"/etc/sysctl(?:\.d/[^/]+)?\.conf\Z", path):
        wanted = [edit for edit in edits if isinstance(edit, SetLine) and sysctl_key(edit.key) not in ONE_WAY]
        yield from (Activation("sysctl", f"{edit.key}={edit.value}") for edit in wanted)
    placed = [made(path, daemons) for place, made in _BY_PLACE if place.search(path)][:1]
    if not placed and any(isinstance(edit, CopyOf) for edit in edits) and not _CERTIFICATES.search(path):
        # The daemon reads others than its usual ones only when it starts.
        placed = [Activation("restart", daemons.remote, _GUESTS_STAY)]
    yield from placed


def without_needless(activations: Sequence[Activation]) -> tuple[Activation, ...]:
    """The activations without those that another one brings about: a daemon that restarts reads its certificates."""
    restarted = {each.what for each in activations if each.verb == "restart"}
    return tuple(each for each in activations if each.verb != "update-tls" or each.what not in restarted)


def takes_effect(document: Document, path: str) -> str:
    """What has to happen besides before what runs is as the document says; empty where nothing has."""
    if document.kind == "domain":
        return f"guest {document.name} is started anew"
    if document.kind == "boot":
        return _REBOOT
    return next((when for place, when in _LATER if place.search(path)), "")


def cuts(document: Document, path: str, edits: Sequence[Edit]) -> bool:
    """Whether the change can cut the way by which the host is managed."""
    if document.kind == "unit":
        return _CUTTING_UNITS.match(document.name) is not None
    if _OF_LIBVIRT.search(path):
        keys = [edit.key for edit in edits if isinstance(edit, SetConf | RemoveLine)]
        return any(_WAY_IN.match(key) for key in keys) or len(keys) < len(edits)
    return document.kind == "file" and _CUTTING.search(path) is not None
