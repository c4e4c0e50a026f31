"""None of the SELinux types of guests and libvirt is permissive.

A single type can be made permissive while the policy as a whole enforces; `getenforce` still says Enforcing.
It is done to find out what a guest needs, and forgotten; nothing then keeps guests of that type apart.

Judged: the modules `permissive_TYPE` that `semanage permissive -a` leaves in the policy's store.

Fix: `semanage permissive -d TYPE`.

Proof: `semanage permissive -l` names none of them, and a denial of a throw-away guest says `permissive=0`.
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.facts.permissive import PermissiveTypes
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

_OURS = re.compile(r"(?:svirt|virt|qemu)\w*_t\Z")


def check(host: Host) -> Findings:
    permissive = host.get(PermissiveTypes)
    ours = {name: path for name, path in permissive.types.items() if _OURS.match(name)}
    for name, path in ours.items():
        change = by_hand(Document("selinux", name), f"semanage permissive -d {name}")
        evidence = [Evidence(f"this module makes {name} permissive", path=path)]
        message = f"{name} is permissive"
        yield failed(Subject("selinux type", name), message, change, evidence=evidence, state=State.ON_DISK)
    if not ours:
        stores = (Evidence("no module permissive_… of such a type", path=store) for store in permissive.stores)
        yield passed(HOST, "nobody made a type of guests or libvirt permissive", *stores, state=State.ON_DISK)


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.HIGH, sections=("svirt-enforcing",), check=check)
