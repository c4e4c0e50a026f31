"""Which security module confines guests on this host, and what it holds each of them to.

SELinux labels processes and files with categories; AppArmor loads a profile a guest. Where neither is there,
nothing but file permissions stands between one guest and the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from virtwarden.facts.domain import Guest
from virtwarden.facts.selinux import Mode, Selinux
from virtwarden.host import Absent, Host, Source, Unknown, Want, reading
from virtwarden.model import Evidence, State

_APPARMOR_ON = "/sys/module/apparmor/parameters/enabled"
_PROFILES = "/sys/kernel/security/apparmor/profiles"
_APPARMOR_FILES = (
    "/etc/apparmor.d/usr.sbin.libvirtd",
    "/etc/apparmor.d/usr.sbin.virtqemud",
    "/etc/apparmor.d/usr.lib.libvirt.virt-aa-helper",
)
_PROFILE = re.compile(r"^(.*) \((\w+)\)$")

Module = Literal["selinux", "apparmor", "none"]


@dataclass(frozen=True, slots=True)
class Profile:
    """A loaded AppArmor profile: `mode` is enforce, complain, kill or unconfined."""

    name: str
    mode: str
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Confinement:
    """`module` is the security module that libvirt can confine guests with; `state` says whether the running
    kernel has it or only the files of a system that could not be asked. `profiles` are AppArmor's by name, None
    where they could not be read, with the reason in `refusal`."""

    module: Module
    evidence: Evidence
    profiles: dict[str, Profile] | None = None
    refusal: str = ""
    state: State = State.IN_FORCE

    wants: ClassVar[tuple[Want, ...]] = (
        reading(_APPARMOR_ON),
        reading(_PROFILES),
        *(reading(path) for path in _APPARMOR_FILES),
    )

    def loaded(self) -> dict[str, Profile]:
        """The loaded profiles. Raises `Unknown`."""
        if self.profiles is None:
            raise Unknown(f"which AppArmor profiles are loaded: {self.refusal}")
        return self.profiles

    def missing(self, name: str) -> Evidence:
        """That no profile of this name is loaded."""
        return Evidence(f"no profile {name}", path=_PROFILES)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """SELinux if it is in use, else AppArmor, else none. Raises `Unknown` where that cannot be told."""
        refusal: Unknown | None = None
        try:
            selinux = host.get(Selinux)
            if selinux.is_in_use and isinstance(selinux.in_force, Mode):
                return cls("selinux", selinux.in_force.evidence)
            if selinux.is_in_use and isinstance(selinux.on_disk, Mode):
                return cls("selinux", selinux.on_disk.evidence, state=State.ON_DISK)
        except Absent:
            pass
        except Unknown as unknown:
            refusal = unknown
        return cls._apparmor(host.source, refusal)

    @classmethod
    def _apparmor(cls, source: Source, refusal: Unknown | None) -> Self:
        try:
            enabled = source.read(_APPARMOR_ON)
        except Absent:
            if refusal is not None:
                raise refusal from None
            return cls("none", Evidence("the kernel runs neither SELinux nor AppArmor", path=_APPARMOR_ON))
        except Unknown as refused:
            return cls._apparmor_on_disk(source, refused)
        if enabled.text.strip() != "Y" and refusal is not None:
            raise refusal
        if enabled.text.strip() != "Y":
            return cls("none", enabled.cite(1))
        try:
            text = source.read(_PROFILES)
        except (Absent, Unknown) as refused:
            return cls("apparmor", enabled.cite(1), None, str(refused))
        found = ((_PROFILE.match(line), number) for number, line in enumerate(text.lines, 1))
        profiles = {m[1]: Profile(m[1], m[2], text.cite(number)) for m, number in found if m is not None}
        return cls("apparmor", enabled.cite(1), profiles)

    @classmethod
    def _apparmor_on_disk(cls, source: Source, refused: Unknown) -> Self:
        """An image has AppArmor if libvirt's profile is there."""
        for path in _APPARMOR_FILES:
            try:
                return cls("apparmor", source.stat(path).cite(), None, str(refused), State.ON_DISK)
            except (Absent, Unknown):
                continue
        raise refused


def profile_of(guest: Guest) -> str:
    """The name of the AppArmor profile that a running guest should be under: the one that its running XML names,
    else the one that libvirt makes for it."""
    named = (label.label for label in guest.latest.seclabels if label.model == "apparmor" and label.label)
    return next(named, f"libvirt-{guest.uuid}")
