"""QEMU's user is not a member of the group disk.

The device nodes of the host's disks belong to root and the group `disk`, which may read and write them. A QEMU
that has been taken over and is in that group reads and writes every disk of the host beneath all file systems,
whatever their permissions say: it owns the host. It is a common piece of advice for guests on logical volumes
and never needed, for libvirt hands a guest's own devices to QEMU while it runs.

Judged: the members of `disk`, and the primary group of QEMU's users: those named in qemu.conf as `user` and
`group`, and `qemu` and `libvirt-qemu` where they exist.

Fix: take the user out of the group. Running guests keep the group until they are started anew.

Proof: /proc/PID/status of a running guest shows no group that is `disk`.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.accounts import Accounts
from virtwarden.facts.qemu_conf import QEMU_CONF, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Safety, Severity, State, Subject

USUAL = ("qemu", "libvirt-qemu")


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    accounts = host.get(Accounts)
    disk = accounts.groups.get("disk")
    if disk is None:
        yield notapplicable(Subject("group", "disk"), "there is no group disk")
        return
    if (conf.group or "").lstrip("+") in ("disk", str(disk.gid)):
        change = own_group(conf, accounts)
        evidence = [conf.cite("group")]
        yield failed(
            Subject("setting", "group"), "QEMU runs as disk", change, evidence=evidence, state=State.ON_DISK
        )
    users = {*USUAL, *([conf.user.lstrip("+")] if conf.user else [])}
    found = [user for user in accounts.users.values() if user.name in users or str(user.uid) in users]
    primary = {user.name for user in accounts.primary(disk)}
    for user in found:
        subject = Subject("user", user.name)
        if user.name in disk.members or user.name in primary:
            change = by_hand(
                Document("file", "/etc/group"), f"gpasswd -d {user.name} disk, then restart the guests"
            )
            evidence = [disk.evidence, user.evidence]
            yield failed(subject, "is a member of disk", change, evidence=evidence, state=State.ON_DISK)
        elif accounts.elsewhere and accounts.switch is not None:
            message = f"is no member by /etc/group; {', '.join(accounts.elsewhere)} was not asked"
            yield unknown(subject, message, disk.evidence, accounts.switch, state=State.ON_DISK)
        else:
            yield passed(subject, "is not a member of disk", disk.evidence, state=State.ON_DISK)
    if not found:
        yield notapplicable(Subject("user"), f"there is no user {' or '.join(sorted(users))}")


def own_group(conf: QemuConf, accounts: Accounts) -> Change:
    """The group that QEMU's user has of its own, if it has one."""
    users = [accounts.users[name] for name in (conf.user, *USUAL) if name in accounts.users and name != "root"]
    gid = users[0].gid if users else None
    group = next((group.name for group in accounts.groups.values() if group.gid == gid), None)
    if group in (None, "disk", "root"):
        return by_hand(QEMU_CONF, "set group to that of QEMU's user and restart the guests")
    return Change(QEMU_CONF, SetConf("group", group or ""), Safety.DISRUPTIVE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("securing-storage-devices",),
    check=check,
)
