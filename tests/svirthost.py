"""Confined hosts and guests for tests of sVirt, with labels as the kernel and libvirt spell them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tests.kit import NOW, guest
from virtwarden.facts.confinement import Confinement, Profile
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.formats import xmltext
from virtwarden.host import Text
from virtwarden.model import Evidence, State

UUID = "11111111-2222-3333-4444-555555555555"
PROCESS = "system_u:system_r:svirt_t:s0:c392,c662"
IMAGE = "system_u:object_r:svirt_image_t:s0:c392,c662"
_SEEN = Evidence("1", path="/sys/fs/selinux/enforce", line=1)
SELINUX = Confinement("selinux", _SEEN)
NOTHING = Confinement("none", Evidence("N", path="/sys/module/apparmor/parameters/enabled", line=1))


def apparmor(profiles: Mapping[str, str] | None = None) -> Confinement:
    """A host with these profiles in these modes."""
    listed = {
        name: Profile(name, mode, Evidence(f"{name} ({mode})", path="/sys/kernel/security/apparmor/profiles"))
        for name, mode in (profiles or {}).items()
    }
    return Confinement("apparmor", Evidence("Y", path="/sys/module/apparmor/parameters/enabled", line=1), listed)


def seclabel(
    label: str = "", *, kind: str = "dynamic", model: str = "selinux", relabel: str = "", inside: str = ""
) -> str:
    """A `<seclabel>` of a guest's XML."""
    words = f"relabel='{relabel}' " if relabel else ""
    written = f"<label>{label}</label>" if label else ""
    return f"<seclabel type='{kind}' model='{model}' {words}>{written}{inside}</seclabel>"


def labelled(
    label: str = PROCESS, *, image: str = "", name: str = "web", devices: str = "", kind: str = "kvm"
) -> Guest:
    """A running guest for which libvirt drew this label."""
    inside = f"<imagelabel>{image}</imagelabel>" if image else ""
    plain = guest(devices, name=name, kind=kind, running=True)
    live = guest(devices, name=name, kind=kind, extra=seclabel(label, inside=inside), running=True).in_force
    return replace(plain, in_force=live)


def processes(label: str, name: str = "web") -> GuestProcesses:
    """The process of a running guest with this label."""
    text = Text("/proc/4321/attr/current", f"{label}\0", NOW)
    return GuestProcesses({name: GuestProcess(name, 4321, {"attr/current": text}, {}, {})})


def transient(xml: str, name: str = "web") -> Guest:
    """A guest that runs and is defined nowhere."""
    path = f"/run/libvirt/qemu/{name}.xml"
    return Guest(name, UUID, None, Definition(xmltext.parse(xml), State.IN_FORCE, Text(path, xml, NOW)), 4321)
