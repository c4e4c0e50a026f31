"""None of the SELinux types of guests and libvirt is permissive.

A single type can be made permissive while the policy as a whole enforces; `getenforce` still says Enforcing.
It is done to find out what a guest needs, and forgotten.

Judged: the modules `permissive_TYPE` that `semanage permissive -a` leaves in the policy's store.

Fix: `semanage permissive -d TYPE`.

Proof: `semanage permissive -l` names none of them, and a denial of a throw-away guest says `permissive=0`.
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.facts.selinux import Selinux
from virtwarden.host import Host, looking
from virtwarden.judgements import by_hand, failed, passed
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

_STORES = (
    "/etc/selinux/*/active/modules/*/permissive_*",
    "/var/lib/selinux/*/active/modules/*/permissive_*",
    "/etc/selinux/*/modules/active/modules/permissive_*",
)
_OURS = re.compile(r"permissive_((?:svirt|virt|qemu)\w*_t)")


def check(host: Host) -> Findings:
    host.get(Selinux)
    host.source.fetch(map(looking, _STORES))
    found = [path for pattern in _STORES for path in host.source.glob(pattern)]
    ours = [(match[1], path) for path in found if (match := _OURS.search(path.rpartition("/")[2]))]
    for name, path in ours:
        change = by_hand(Document("selinux", name), f"semanage permissive -d {name}")
        evidence = [Evidence(f"this module makes {name} permissive", path=path)]
        message = f"{name} is permissive"
        yield failed(Subject("selinux type", name), message, change, evidence=evidence, state=State.ON_DISK)
    if not ours:
        evidence_none = Evidence("no module makes a type of guests permissive", path=_STORES[1])
        yield passed(HOST, "no type of guests or libvirt is permissive", evidence_none, state=State.ON_DISK)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("svirt-enforcing",), check=check
)
