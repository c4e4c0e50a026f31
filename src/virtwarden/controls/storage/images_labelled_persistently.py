"""SELinux's policy gives images a label of their own wherever they lie.

sVirt moves an image from the label of idle images to that of one guest and back. Outside the default directory
an image has whatever label its parent had, `default_t` or `user_home_t`, and QEMU is refused, or somebody
switches SELinux off; `chcon` helps until the next relabel. The blueprint records the right rule and then spoils
it: a directory given with its final slash yields `images//…`, which matches no path, so nothing is ever
labelled by it. `restorecon` without `-F` leaves wrong labels of this kind alone, too.

Judged: the site's own file contexts for patterns that can never match; for each directory with disks of guests
the rule that a relabel would follow, which has to give `virt_image_t` or `virt_content_t`, and the label that
the directory has now. Network file systems have labels of their own and are judged elsewhere.

Fix: `semanage fcontext` with the directory and `(/.*)?` behind it, then `restorecon -R`, which leaves the images of
running guests alone.

Proof: after a relabel of the directory the guest starts, and its image carries the guest's categories.
"""

from __future__ import annotations

import posixpath
import re

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.images import Images
from virtwarden.facts.mounts import Mounts, is_network
from virtwarden.facts.selinux import LabelRule, Selinux, type_of
from virtwarden.host import Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Severity, State, Subject

WANTED = ("virt_image_t", "virt_content_t", "svirt_image_t", "svirt_home_t", "virt_home_t")


def check(host: Host) -> Findings:
    images = host.get(Images)
    selinux = host.get(Selinux)
    yield from patterns(selinux)
    places = list(dict.fromkeys(posixpath.dirname(disk.path) for disk in images.disks if disk.path is not None))
    local = [place for place in places if not f"{place}/".startswith("/dev/") and not on_network(host, place)]
    for place in local:
        yield from configured(selinux, place)
        yield from present(images, place, None if is_labelled(selinux, place) else rule_for(selinux, place))
    if not local:
        yield notapplicable(Subject("host"), "no guest has a disk on a file system of this host")
    images.guests.complete()


def patterns(selinux: Selinux) -> Findings:
    """Rules of the site that say nothing."""
    try:
        rules = selinux.local_rules
    except Unknown as refused:
        yield unknown(Subject("file contexts"), str(refused), *refused.evidence, state=State.ON_DISK)
        return
    for rule in rules:
        if not type_of(rule.rule.context) or not rule.type.startswith(("virt", "svirt")):
            continue
        subject = Subject("file context", rule.rule.pattern)
        if not rule.rule.never_matches:
            yield passed(subject, f"labels as {rule.type}", rule.evidence, state=State.ON_DISK)
            continue
        fix = instead(rule)
        yield failed(subject, "matches no path", *fix, evidence=[rule.evidence], state=State.ON_DISK)


def instead(rule: LabelRule) -> tuple[Change, ...]:
    """The rule that was meant in the place of one that says nothing."""
    wrong, right = rule.rule.pattern, rule.rule.repaired
    if rule.rule.kind is None and re.fullmatch(r"[\w/()*.?-]+", wrong):
        return (
            Change(Document("fcontext", wrong), SetState("absent")),
            Change(Document("fcontext", right), SetState(rule.type)),
        )
    steps = f"semanage fcontext -d '{wrong}' && semanage fcontext -a -t {rule.type} '{right}'"
    return (by_hand(Document("file", rule.path), f"{steps}; then {relabel(right.partition('(')[0])}"),)


def on_network(host: Host, place: str) -> bool:
    """Whether a directory lies on another machine, as far as that can be told."""
    try:
        return is_network(host.get(Mounts).holding(place)[0].kind)
    except Unknown:
        return False


def configured(selinux: Selinux, place: str) -> Findings:
    """What a relabel would make of images in a directory."""
    subject = Subject("directory", place)
    try:
        rule = selinux.label_rule(f"{place}/image", "file")
    except Unknown as refused:
        yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
        return
    if rule is not None and rule.type in WANTED:
        yield passed(subject, f"images are labelled {rule.type}", rule.evidence, state=State.ON_DISK)
        return
    message = f"a relabel makes images there {_given(rule)}"
    cited = [rule.evidence] if rule is not None else []
    yield failed(subject, message, rule_for(selinux, place), evidence=cited, state=State.ON_DISK)


def rule_for(selinux: Selinux, place: str) -> Change:
    """The rule that images in a directory need. It is a pattern, so that a name with signs of patterns is left to a
    person."""
    if re.fullmatch(r"[\w/-]+", place):
        return Change(Document("fcontext", f"{place}(/.*)?"), SetState("virt_image_t"))
    return by_hand(
        Document("file", f"/etc/selinux/{selinux.policy}/contexts/files/file_contexts.local"),
        f"semanage fcontext -a -t virt_image_t '{place}(/.*)?'; then {relabel(place)}",
    )


def is_labelled(selinux: Selinux, place: str) -> bool:
    """Whether a relabel gives images in a directory a label of theirs."""
    try:
        rule = selinux.label_rule(f"{place}/image", "file")
    except Unknown:
        return False
    return rule is not None and rule.type in WANTED


def relabel(place: str) -> str:
    """How to relabel a directory without taking the images of running guests away from them."""
    return f"restorecon -RFv {place} while no guest that has images there runs"


def _given(rule: LabelRule | None) -> str:
    return "nothing, as no rule matches" if rule is None else rule.type or "keep what they have"


def present(images: Images, place: str, rule: Change | None) -> Findings:
    """The label that a directory has now; `rule` is what the policy lacks for it to have another one."""
    subject = Subject("directory", place)
    stat = images.directories.get(place)
    if not isinstance(stat, Stat):
        message = str(stat) if isinstance(stat, Unknown) else f"there is no {place}"
        make = unknown if isinstance(stat, Unknown) else notapplicable
        yield make(subject, message, state=State.IN_FORCE)
        return
    found = type_of(stat.label)
    if found is None:
        message = f"the label of {place} cannot be read"
        yield unknown(subject, message, stat.cite("no label"), state=State.IN_FORCE)
    elif found in WANTED:
        yield passed(subject, f"is labelled {found}", stat.cite(stat.label), state=State.IN_FORCE)
    else:
        change = rule or by_hand(Document("file", place), relabel(place))
        cited = [stat.cite(stat.label)]
        yield failed(subject, f"is labelled {found}", change, evidence=cited, state=State.IN_FORCE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("custom-image-location",),
    check=check,
)
