"""SSH logs nobody in by a password.

A password can be guessed from the network and typed into the wrong window; whoever has the one of a management
account has the guests. The blueprint's every example logs in by one. Keys can be neither guessed nor read off.

With `UsePAM yes` there is a second door: `KbdInteractiveAuthentication`, which older releases call
`ChallengeResponseAuthentication` and have on by themselves, lets PAM ask for the same password.

Judged: `PasswordAuthentication`, and where PAM is in use `KbdInteractiveAuthentication`, as sshd itself tells them
(root's scan), else as its files say, and lines in `Match` blocks that allow them again. `AuthenticationMethods
publickey` shuts passwords out as well.

Fix: set them to `no`. See that every administrator has a key on the host before you do.

Proof: a log-in that offers a password alone is refused, one with a key is let in.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.sshd import Sshd
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Document, Safety, Severity, State, Subject

PASSWORD = ("PasswordAuthentication",)
BY_PAM = ("KbdInteractiveAuthentication", "ChallengeResponseAuthentication")


def check(host: Host) -> Findings:
    sshd = host.get(Sshd)
    methods = sshd.settings.get("authenticationmethods")
    if methods is not None and _needs_key(methods.value):
        message = f"AuthenticationMethods is {methods.value}"
        subject = Subject("setting", PASSWORD[0])
        yield passed(subject, message, methods.evidence, state=State.ON_DISK)
        return
    yield from _judged(sshd, PASSWORD)
    if sshd.get("usepam").value.lower() == "yes":
        yield from _judged(sshd, BY_PAM)


def _judged(sshd: Sshd, names: tuple[str, ...]) -> Findings:
    """The findings on one way in, which may have several names."""
    given = {name: sshd.settings[name.lower()] for name in names if name.lower() in sshd.settings}
    held = given or {names[-1]: sshd.get(names[0].lower())}
    subject = Subject("setting", names[0])
    for name, value in held.items():
        message = f"{name} is {value.value}"
        if value.value.lower() == "no":
            yield passed(subject, message, value.evidence, state=State.ON_DISK)
        else:
            fix = file_change(sshd.place(value), SetLine(name, "no", " "), Safety.DISRUPTIVE)
            yield failed(subject, message, fix, evidence=[value.evidence], state=State.ON_DISK)
    for setting, cited in (found for name in names for found in sshd.sometimes(name.lower())):
        if setting.value.lower() != "no":
            condition = " ".join(setting.match)
            fix = by_hand(Document("file", setting.path), f"take the line out of the block Match {condition}")
            message = f"{names[0]} is {setting.value} for {condition}"
            yield failed(subject, message, fix, evidence=[cited], state=State.ON_DISK)


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
