"""AppArmor's profiles of libvirt and of every running guest are in enforce mode.

A profile in complain mode writes down what it would have refused. libvirt loads one profile a guest, made
from the guest's own XML; if that one is missing or complains, the guest is as free as any process of its
user.

Judged: in the kernel's list of profiles, those of libvirt's daemons and of virt-aa-helper, and that of each
running guest: `libvirt-UUID`, or the one that a static label of its XML names.

Fix: `aa-enforce` for profiles of the system; a guest's profile is made and loaded anew at its next start.

Proof: with the profile of one guest, the image of another cannot be opened (`aa-exec -p`), and its own can.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.confinement import Confinement, Profile, profile_of
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy, matches
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject

_SYSTEM = ("libvirtd", "virtqemud", "virt-aa-helper")


def check(host: Host) -> Findings:
    confinement = host.get(Confinement)
    if confinement.module != "apparmor":
        yield notapplicable(HOST, "this host does not run AppArmor", confinement.evidence)
        return
    loaded = confinement.loaded()
    for name, profile in loaded.items():
        if name.partition("//")[0].rpartition("/")[2] in _SYSTEM:
            steps = f"aa-enforce {name.partition('//')[0]}"
            yield _judged(Subject("profile", name), profile, steps)
    guests = host.get(Guests)
    free = host.get(Policy).svirt.unconfined_guests
    for guest in guests:
        if not guest.running or matches(guest.name, free):
            continue
        subject, name = Subject("guest", guest.name), profile_of(guest)
        steps = "stop and start the guest, once libvirt's profiles are loaded"
        if name in loaded:
            yield _judged(subject, loaded[name], steps)
            continue
        change = by_hand(Document("guest", guest.name), steps)
        evidence = [confinement.missing(name)]
        message = f"its AppArmor profile {name} is not loaded"
        yield failed(subject, message, change, evidence=evidence, state=State.IN_FORCE)
    if guests.liveness is not None:
        raise Unknown(f"which guests run: {guests.liveness}")


def _judged(subject: Subject, profile: Profile, steps: str) -> Finding:
    message = f"profile {profile.name} is in {profile.mode} mode"
    if profile.mode in ("enforce", "kill"):
        return passed(subject, message, profile.evidence, state=State.IN_FORCE)
    change = by_hand(Document("profile", profile.name), steps)
    return failed(subject, message, change, evidence=[profile.evidence], state=State.IN_FORCE)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, sections=("svirt-overview",), check=check)
