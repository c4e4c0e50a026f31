"""SSH logs nobody in by a password.

A password can be guessed from the network and typed into the wrong window; whoever has the one of a management
account has the guests. The blueprint's every example logs in by one. Keys can be neither guessed nor read off.

Judged: `PasswordAuthentication`, as sshd itself tells it (root's scan), else as its files say, and lines in
`Match` blocks that allow it again; `AuthenticationMethods publickey` shuts passwords out as well.

Fix: set it to `no`. See that every administrator has a key on the host before you do.

Proof: a log-in that offers a password alone is refused, one with a key is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.sshd import Sshd
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Document, Severity, State, Subject

KEYWORD = "passwordauthentication"
SUBJECT = Subject("setting", "PasswordAuthentication")


def check(host: Host) -> Findings:
    sshd = host.get(Sshd)
    methods = sshd.settings.get("authenticationmethods")
    if methods is not None and _needs_key(methods.value):
        message = f"AuthenticationMethods is {methods.value}"
        yield passed(SUBJECT, message, methods.evidence, state=State.ON_DISK)
        return
    held = sshd.get(KEYWORD)
    message = f"PasswordAuthentication is {held.value}"
    if held.value.lower() == "no":
        yield passed(SUBJECT, message, held.evidence, state=State.ON_DISK)
    else:
        path = held.evidence.path or sshd.file
        fix = file_change(path, SetLine("PasswordAuthentication", "no", " "))
        yield failed(SUBJECT, message, fix, evidence=[held.evidence], state=State.ON_DISK)
    for setting, cited in sshd.sometimes(KEYWORD):
        if setting.value.lower() != "no":
            condition = " ".join(setting.match)
            fix = by_hand(Document("file", setting.path), f"take the line out of the block Match {condition}")
            message = f"PasswordAuthentication is {setting.value} for {condition}"
            yield failed(SUBJECT, message, fix, evidence=[cited], state=State.ON_DISK)


def _needs_key(methods: str) -> bool:
    """Whether every list of methods that would do has a key among its steps."""
    return bool(methods.split()) and all("publickey" in each.split(",") for each in methods.split())


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ssh-virsh",),
    check=check,
)
