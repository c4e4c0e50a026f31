"""Nobody logs in as root over SSH.

The blueprint manages guests as root with a password. A shared root account tells nobody who acted, and one stolen
or guessed credential is the whole host. An account of its own in libvirt's group manages guests as well,
and root is reached from there by those who may.

Judged: `PermitRootLogin` as sshd itself tells it (root's scan), else as its files say, and lines in `Match` blocks
that grant it again. `forced-commands-only` is accepted: such a key runs one command only.

Fix: set it to `no`. See that another account can log in and become root before you do.

Proof: a log-in as root is refused, one as the management account is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.sshd import Sshd
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Document, Safety, Severity, State, Subject

KEYWORD = "permitrootlogin"
ACCEPTED = ("no", "forced-commands-only")
SUBJECT = Subject("setting", "PermitRootLogin")


def check(host: Host) -> Findings:
    sshd = host.get(Sshd)
    held = sshd.get(KEYWORD)
    message = f"PermitRootLogin is {held.value}"
    if held.value.lower() in ACCEPTED:
        yield passed(SUBJECT, message, held.evidence, state=State.ON_DISK)
    else:
        fix = file_change(sshd.place(held), SetLine("PermitRootLogin", "no", " "), Safety.DISRUPTIVE)
        yield failed(SUBJECT, message, fix, evidence=[held.evidence], state=State.ON_DISK)
    for setting, cited in sshd.sometimes(KEYWORD):
        if setting.value.lower() not in ACCEPTED:
            condition = " ".join(setting.match)
            message = f"PermitRootLogin is {setting.value} for {condition}"
            fix = by_hand(Document("file", setting.path), f"take the line out of the block Match {condition}")
            yield failed(SUBJECT, message, fix, evidence=[cited], state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ssh-tunnels", "ssh-virsh"),
    check=check,
)
