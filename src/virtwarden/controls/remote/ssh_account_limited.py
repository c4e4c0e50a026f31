"""The account that manages guests over SSH can do nothing else there.

An account that may forward ports reaches whatever the host reaches: the guests' inner networks, storage, every console
on the loopback address. One that may forward its agent lends the administrator's keys to the host. Neither is needed
for libvirt; the ports of consoles can be permitted one by one.

Judged: what sshd lets the account do that the policy names as `remote.ssh_user`, as sshd tells it (root's scan), else
by its files: no forwarding of sockets, agents, X11 or tunnels, and of ports only those that `PermitOpen` lists where
`remote.ssh_consoles` wants them; a key and nothing else to log in with.

Fix: a `Match User` block in a file of its own below sshd_config.d, where the main file draws that in, once the account
has a key: from then on no password opens it. sshd reads it when it is reloaded; open sessions stay.

Proof: `virt-warden connect` runs virsh with the account's key; a port that is not permitted and an agent are refused.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace
from virtwarden.facts.kernel import Value
from virtwarden.facts.policy import Policy
from virtwarden.facts.ssh_account import DROP_IN, SshAccount
from virtwarden.facts.sshd import AuthorizedKeys
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Change, Document, Safety, Severity, State, Subject

FIRST_PORT = 5900
OFF = {
    "allowstreamlocalforwarding": "forwards sockets",
    "allowagentforwarding": "forwards agents",
    "x11forwarding": "forwards X11",
    "permittunnel": "makes tunnels",
}


def check(host: Host) -> Findings:
    account, policy = host.get(SshAccount), host.get(Policy)
    subject = Subject("account", account.name)
    faults = [*_forwarding(account, consoles=policy.remote.ssh_consoles), *_log_in(account)]
    if faults:
        message = ", ".join(dict.fromkeys(what for what, _ in faults))
        evidence = tuple(dict.fromkeys(value.evidence for _, value in faults))
        fix = (*_key_first(host, account), _fix(account, policy))
        yield failed(subject, message, *fix, evidence=evidence, state=State.ON_DISK)
    else:
        allowed = "ports of consoles" if policy.remote.ssh_consoles else "nothing"
        shown = account.get("authenticationmethods").evidence
        yield passed(subject, f"forwards {allowed} and logs in by a key", shown, state=State.ON_DISK)


def _forwarding(account: SshAccount, *, consoles: bool) -> Iterator[tuple[str, Value]]:
    if account.get("disableforwarding").value.lower() == "yes":
        return
    ports, opens = account.get("allowtcpforwarding"), account.get("permitopen")
    if ports.value.lower() != "no":
        if not consoles:
            yield "forwards ports", ports
        elif ports.value.lower() != "local":
            yield "lets others forward ports to it", ports
        if consoles and (opens.value.lower() == "any" or "*" in opens.value):
            yield "forwards to any port", opens
    for keyword, what in OFF.items():
        if account.get(keyword).value.lower() != "no":
            yield what, account.get(keyword)


def _log_in(account: SshAccount) -> Iterator[tuple[str, Value]]:
    methods = account.get("authenticationmethods")
    if all("publickey" in each.split(",") for each in methods.value.lower().split()) and methods.value:
        return
    for keyword in ("passwordauthentication", "kbdinteractiveauthentication"):
        if account.get(keyword).value.lower() != "no":
            yield "logs in by a password", account.get(keyword)


def _key_first(host: Host, account: SshAccount) -> tuple[Change, ...]:
    """What comes before passwords are shut out: a key that opens the account. Nothing where there is one, or where
    some may be that cannot be seen."""
    known = host.get(AuthorizedKeys)
    if known.refused or any(key.user == account.name for key in known.keys):
        return ()
    steps = f"put an administrator's public key into the authorized_keys of {account.name}, who has none"
    return (by_hand(Document("account", account.name), steps),)


def _fix(account: SshAccount, policy: Policy) -> Change:
    text = _block(account.name, policy.console.last_port if policy.remote.ssh_consoles else None)
    if not account.drops_in:
        steps = f"put this at the end of sshd_config, then reload sshd:\n{text}"
        return by_hand(Document("file", "/etc/ssh/sshd_config"), steps)
    return file_change(DROP_IN, Replace(text), Safety.DISRUPTIVE)


def _block(name: str, last_port: int | None) -> str:
    """The block; ports are listed one by one, as sshd knows no ranges here."""
    lines = [f"Match User {name}", "    AuthenticationMethods publickey", "    PermitTTY no"]
    if last_port is None:
        lines.append("    DisableForwarding yes")
    else:
        ports = " ".join(f"127.0.0.1:{port}" for port in range(FIRST_PORT, last_port + 1))
        lines += ["    AllowTcpForwarding local", f"    PermitOpen {ports}", "    AllowStreamLocalForwarding no"]
        lines += ["    AllowAgentForwarding no", "    X11Forwarding no", "    PermitTunnel no"]
    return "\n".join(lines) + "\n"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ssh-tunnels", "ssh-virt-viewer", "ssh-vnc-client"),
    check=check,
)
