"""AppArmor's profiles of libvirt and of every running guest are in enforce mode.

A profile in complain mode writes down what it would have refused. libvirt loads one profile a guest, made
from the guest's own XML; if that one is missing or complains, the guest is as free as any process of its
user.

Judged: in the kernel's list of profiles, those of libvirt's daemons, of virt-aa-helper, and `libvirt-UUID` of
each running guest.

Fix: `aa-enforce` for profiles of the system; a guest's profile is made and loaded anew at its next start.

Proof: with the profile of one guest, the image of another cannot be opened (`aa-exec -p`), and its own can.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.confinement import Confinement, Profile
from virtwarden.facts.guests import Guests
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject

_SYSTEM = ("libvirtd", "virtqemud", "virt-aa-helper", "/usr/sbin/libvirtd", "/usr/lib/libvirt/virt-aa-helper")


def check(host: Host) -> Findings:
    confinement = host.get(Confinement)
    if confinement.module != "apparmor":
        yield notapplicable(HOST, "this host does not run AppArmor", confinement.evidence)
        return
    loaded = confinement.loaded()
    for name in _SYSTEM:
        if name in loaded:
            yield _judged(Subject("profile", name), loaded[name])
    guests = host.get(Guests)
    if guests.liveness is not None:
        raise Unknown(f"which guests run: {guests.liveness}")
    for guest in guests:
        if not guest.running:
            continue
        subject = Subject("guest", guest.name)
        profile = loaded.get(f"libvirt-{guest.uuid}")
        if profile is not None:
            yield _judged(subject, profile)
            continue
        change = by_hand(
            Document("guest", guest.name), "stop and start the guest, once libvirt's profiles are loaded"
        )
        message = "no AppArmor profile is loaded for it"
        yield failed(subject, message, change, evidence=[confinement.evidence], state=State.IN_FORCE)


def _judged(subject: Subject, profile: Profile) -> Finding:
    message = f"profile {profile.name} is in {profile.mode} mode"
    if profile.mode in ("enforce", "kill"):
        return passed(subject, message, profile.evidence, state=State.IN_FORCE)
    change = by_hand(Document("profile", profile.name), f"aa-enforce {profile.name}, or a restart of the guest")
    return failed(subject, message, change, evidence=[profile.evidence], state=State.IN_FORCE)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, sections=("svirt-overview",), check=check)
