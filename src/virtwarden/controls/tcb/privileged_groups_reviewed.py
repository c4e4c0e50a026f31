"""Only named administrators are in groups that are as good as root.

Who may speak to libvirt's read-write socket can start a guest with the host's disk in it, so the group libvirt
is root by another name. So are docker, lxd and incus, and disk reads every image past all labels. Users get in
for convenience and stay in after they have changed jobs.

Judged: the members of libvirt, kvm, qemu, disk, docker, lxd and their kin, with those whose primary group it
is, against `tcb.administrators` of the policy. The users that QEMU itself runs as belong in some of them. Members
that a directory service adds count where the name service could be asked; else it is said that they were not.

Fix: take the user out of the group, or name him in the policy.

Proof: a user who is in none of them is refused by `virsh --connect qemu:///system list`.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.accounts import ROOT_EQUIVALENT, Accounts, Group
from virtwarden.facts.policy import Policy
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Severity, Subject

SERVICE_USERS = ("root", "qemu", "libvirt-qemu")


def check(host: Host) -> Findings:
    administrators = host.get(Policy).tcb.administrators
    accounts = host.get(Accounts)
    found = [accounts.groups[name] for name in ROOT_EQUIVALENT if name in accounts.groups]
    if not found:
        yield notapplicable(HOST, "the host has none of these groups")
    for group in found:
        members = members_of(group, accounts)
        strangers = [name for name in members if name not in (*SERVICE_USERS, *administrators)]
        subject = Subject("group", group.name)
        if strangers:
            names = ", ".join(strangers)
            steps = "; ".join(f"gpasswd --delete {name} {group.name}" for name in strangers)
            fix = by_hand(Document("file", "/etc/group"), f"{steps}; or name them in tcb.administrators")
            evidence = dict.fromkeys(members[name] for name in strangers)
            yield failed(subject, f"{names} can become root through it", fix, evidence=evidence)
        else:
            yield passed(subject, "no user is in it but administrators", group.evidence)
    if found and accounts.elsewhere and accounts.switch is not None:
        services = ", ".join(accounts.elsewhere)
        yield unknown(HOST, f"members of these groups may also come from {services}", accounts.switch)


def members_of(group: Group, accounts: Accounts) -> dict[str, Evidence]:
    """Everybody in the group, each with the line that says so."""
    listed = dict.fromkeys(group.members, group.evidence)
    return {user.name: user.evidence for user in accounts.primary(group)} | listed


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
