"""QEMU's bridge helper lets no user into every bridge.

The helper runs as root for whoever starts it and plugs a network card into a bridge, which puts its owner on
that network: the management network too, where a line says so. Its list is closed unless it is opened, and
`allow all` is the line that most instructions give.

Judged: the lists of bridges in /etc/qemu or /etc/qemu-kvm with those that they include, and who may write them.

Fix: take `allow all` out, and allow the bridges by name that users may plug into; without a list none are.

Proof: an unprivileged user's `qemu-bridge-helper --br=BRIDGE --fd=3` is refused for the management bridge.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine, SetMode
from virtwarden.facts.kvm_access import BridgeHelper
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Evidence, Severity, Subject


def check(host: Host) -> Findings:
    helper = host.get(BridgeHelper)
    if helper.helper is None and not helper.permits and not helper.unread:
        yield notapplicable(HOST, "QEMU's bridge helper is not installed")
        return
    for stat in helper.lists:
        subject = Subject("file", stat.path)
        if stat.mode & 0o022 or stat.uid != 0:
            fix = file_change(stat.path, SetMode(mode=stat.mode & ~0o022, owner="root", group="root"))
            yield failed(subject, "others than root may write it", fix, evidence=[stat.cite()])
    for permit in helper.permits:
        subject = Subject("file", permit.path)
        if (permit.verb, permit.bridge) == ("allow", "all"):
            message = "users may plug into every bridge"
            fix = file_change(permit.path, RemoveLine(permit.value.value))
            yield failed(subject, message, fix, evidence=[permit.value.evidence, *of_helper(helper)])
        elif permit.verb == "allow":
            yield passed(subject, f"users may plug into {permit.bridge}", permit.value.evidence)
    for refusal in helper.unread:
        yield unknown(HOST, f"which bridges users may plug into: {refusal}")
    if not helper.unread and not any(permit.verb == "allow" for permit in helper.permits):
        yield passed(HOST, "no list allows a bridge", *of_helper(helper))


def of_helper(helper: BridgeHelper) -> tuple[Evidence, ...]:
    """What there is to say of the program."""
    if helper.helper is None:
        return ()
    words = "acts as root for everybody" if helper.is_setuid else "is not setuid root"
    return (helper.helper.cite(f"{helper.helper.mode:04o} {helper.helper.owner}: {words}"),)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
