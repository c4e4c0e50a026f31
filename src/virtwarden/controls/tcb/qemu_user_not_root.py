"""Guests run as an ordinary user, not as root.

A guest that breaks out of its virtual machine is the user that QEMU runs as. As root it owns the host and with
it all other guests; as `qemu` or `libvirt-qemu` it is where the next wall stands. Root is a common remedy in
forums against a disk image that would not open; the image's owner is what was wrong.

Judged: `user` and `group` in qemu.conf. Where they are not set the default counts that the packages were built
with, which is known by the user that they make. A number with a plus before it is an id and not a name.

Fix: set both to the distribution's user. Guests take it at their next start; images are given over then.

Proof: /proc/PID/status of a throw-away guest shows neither user nor group 0.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.accounts import Accounts
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, passed, unknown
from virtwarden.model import Severity, State, Subject

ROOT = ("root", "0", "+0")
ORDINARY = ("libvirt-qemu", "qemu")


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    accounts = accounts_of(host)
    packaged = next((name for name in ORDINARY if name in accounts.users), None)
    for key, value in (("user", conf.user), ("group", conf.group)):
        subject, here = Subject("setting", key), conf.cite(key)
        if value is None and packaged is None:
            message = f"{key} is not set, and what libvirt was built with cannot be told"
            yield unknown(subject, message, here, state=State.ON_DISK)
        elif value is None:
            message = f"{key} is not set; libvirt's packages here were built for {packaged}"
            yield passed(subject, message, here, accounts.users[packaged or ""].evidence, state=State.ON_DISK)
        elif value in ROOT or is_root(value, key, accounts):
            fix = file_change(PATH, SetConf(key, packaged or "qemu"))
            yield failed(subject, f"{key} is {value}", fix, evidence=[here], state=State.ON_DISK)
        else:
            yield passed(subject, f"{key} is {value}", here, state=State.ON_DISK)


def accounts_of(host: Host) -> Accounts:
    """The host's users; none where they cannot be read."""
    try:
        return host.get(Accounts)
    except (Absent, Unknown):
        return Accounts()


def is_root(name: str, key: str, accounts: Accounts) -> bool:
    """Whether another name stands for id 0."""
    if key == "user":
        return name in accounts.users and accounts.users[name].uid == 0
    return name in accounts.groups and accounts.groups[name].gid == 0


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
