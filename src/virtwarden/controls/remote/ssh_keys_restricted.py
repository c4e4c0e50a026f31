"""SSH keys of accounts that may manage guests are restricted to that.

A key in root's or a libvirt user's authorized_keys opens a shell, forwards any port into the host's networks
and lends the owner's agent to the host, unless its line says otherwise. Management needs none of it:
`restrict,command="virt-ssh-helper qemu:///system"` is enough.

Judged: each line of the authorized_keys files of root and of the members of the groups libvirt and libvirtd,
where sshd's `AuthorizedKeysFile` says that they are, in a `Match` block too: root's must force a command, others'
be restricted or force one. Keys that a program gives (`AuthorizedKeysCommand`) are unknown.

Fix: put the options before the key. Keys of people who need a shell belong into accounts that are not
libvirt's.

Proof: the key runs virsh over qemu+ssh, and is refused a shell and a forwarded port.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.sshd import AuthorizedKey, AuthorizedKeys
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity, State, Subject

STEPS = 'put restrict,command="virt-ssh-helper qemu:///system" before the key'


def check(host: Host) -> Findings:
    found = host.get(AuthorizedKeys)
    for key in found.keys:
        subject = Subject("key", f"{key.user}: {key.name}")
        if _limited(key):
            options = ", ".join(sorted(key.options & {"command", "restrict"}))
            yield passed(subject, f"is limited by {options}", key.evidence, state=State.ON_DISK)
        else:
            document = Document("file", key.evidence.path or "")
            message = f"opens all that {key.user} may do"
            fix = by_hand(document, STEPS)
            yield failed(subject, message, fix, evidence=[key.evidence], state=State.ON_DISK)
    for refused in found.refused:
        yield unknown(Subject("file", refused.path or ""), refused.text, refused, state=State.ON_DISK)
    if not found.keys and not found.refused:
        yield notapplicable(HOST, "no key opens an account that may manage guests", *found.files)


def _limited(key: AuthorizedKey) -> bool:
    return "command" in key.options or (key.user != "root" and "restrict" in key.options)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ssh-tunnels", "ssh-vnc-client"),
    check=check,
)
