"""SSH keys of accounts that may manage guests are restricted to that.

A key in root's or a libvirt user's authorized_keys opens a shell, forwards any port into the host's networks
and lends the owner's agent to the host, unless its line says otherwise. Management needs none of it:
`restrict,command="virt-ssh-helper qemu:///system"` is enough.

Judged: each line of the authorized_keys files of root, of others with its number, of the members of the groups libvirt
and libvirtd and of the policy's `remote.ssh_user`, where sshd's `AuthorizedKeysFile` says that they are, in a `Match`
block too: root's must force a command, others' be restricted or force one. Keys that a program gives
(`AuthorizedKeysCommand`), certificates (`TrustedUserCAKeys`) and members whom only a directory service knows are
unknown.

Fix: put the options before the key, which is done by machine for the account that the policy names as
`remote.ssh_user`; with `remote.ssh_consoles` it may forward ports besides, to those that sshd_config permits. Keys of
people who need a shell belong into accounts that are not libvirt's.

Proof: `virt-warden connect` runs virsh with the key; ssh with it is refused a shell and a forwarded port.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import AddLine, RemoveLine
from virtwarden.facts.policy import Policy, Remote
from virtwarden.facts.sshd import AuthorizedKey, AuthorizedKeys
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

COMMAND = 'command="virt-ssh-helper qemu:///system"'
STEPS = f"put restrict,{COMMAND} before the key"


def check(host: Host) -> Findings:
    found = host.get(AuthorizedKeys)
    for key in found.keys:
        subject = Subject("key", f"{key.user}: {key.name}")
        if _limited(key):
            options = ", ".join(sorted(key.options & {"command", "restrict"}))
            yield passed(subject, f"is limited by {options}", key.evidence, state=State.ON_DISK)
        else:
            message = f"opens all that {key.user} may do"
            fix = _fix(host.get(Policy).remote, key)
            yield failed(subject, message, *fix, evidence=[key.evidence], state=State.ON_DISK)
    for refused in found.refused:
        yield unknown(Subject("file", refused.path or ""), refused.text, refused, state=State.ON_DISK)
    if not found.keys and not found.refused:
        yield notapplicable(HOST, "no key opens an account that may manage guests", *found.files)


def _limited(key: AuthorizedKey) -> bool:
    return "command" in key.options or (key.user != "root" and "restrict" in key.options)


def _fix(policy: Remote, key: AuthorizedKey) -> tuple[Change, ...]:
    """The line with its limits in the place of the one without; what is whose is for a person to tell otherwise."""
    path = key.evidence.path or ""
    if key.user != policy.ssh_user:
        return (by_hand(Document("file", path), STEPS),)
    limits = f"restrict,port-forwarding,{COMMAND}" if policy.ssh_consoles else f"restrict,{COMMAND}"
    line = f"{limits},{key.line}" if key.options else f"{limits} {key.line}"
    edits = (RemoveLine(key.line), AddLine(line))
    return tuple(file_change(path, edit, Safety.DISRUPTIVE) for edit in edits)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ssh-tunnels", "ssh-vnc-client"),
    check=check,
)
