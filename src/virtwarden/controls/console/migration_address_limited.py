"""Incoming migrations are awaited on one network.

While a guest arrives QEMU listens on `migration_address`, by default on every address of the host. Until the
memory has come, whoever connects first is taken for the sending host: from the guests' own networks too.

Judged: `migration_address` in qemu.conf.

Fix: the address that the policy names as `network.migration_address`, on the network between the hosts. Migrations
that name another one are refused then.

Proof: during a migration the port answers on that network alone.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import PATH, QEMU_CONF, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Change, Severity, State, Subject

KEY = "migration_address"


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    subject, cited = Subject("setting", KEY), conf.cite(KEY)
    message = f"{KEY} is {conf.migration_address}"
    if reach_of(conf.migration_address) == "any":
        fix = _fix(host.get(Policy).network.migration_address)
        yield failed(subject, f"{message}, every address", fix, evidence=[cited], state=State.ON_DISK)
    else:
        yield passed(subject, message, cited, state=State.ON_DISK)


def _fix(wanted: str | None) -> Change:
    if wanted is None:
        return by_hand(QEMU_CONF, f"set {KEY} to the address of the network between the hosts")
    return file_change(PATH, SetConf(KEY, wanted))


CONTROL = Control(module=__name__, doc=__doc__, severity=Severity.MEDIUM, check=check)
