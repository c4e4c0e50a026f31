"""The system-wide cryptographic policy is not weakened.

RHEL, Fedora and SUSE keep one policy for what GnuTLS, OpenSSL and SSH accept. LEGACY, or SHA1 put back for an
old partner, lets TLS of libvirt, VNC and migration settle on what can be broken, whatever libvirt's own settings
say, for they build on it.

Judged: the policy in /etc/crypto-policies/config and the one that was last applied. LEGACY, and the modules SHA1
and AD-SUPPORT-LEGACY on top of another policy, fail.

Fix: `update-crypto-policies --set DEFAULT`, then restart the services or the host.

Proof: a client that offers TLS 1.1 only is refused on libvirt's port.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.crypto_policy import CONFIG, CryptoPolicy
from virtwarden.facts.kernel import Value
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State

WEAK = ("LEGACY", "SHA1", "AD-SUPPORT-LEGACY")
FIX = by_hand(Document("file", CONFIG), "update-crypto-policies --set DEFAULT, then restart libvirt's daemons")


def check(host: Host) -> Findings:
    policy = host.get(CryptoPolicy)
    yield judged(policy.configured, State.ON_DISK)
    if policy.applied is None:
        yield unknown(HOST, f"the policy that was applied: {policy.refusal}", state=State.IN_FORCE)
    else:
        yield judged(policy.applied, State.IN_FORCE)


def judged(policy: Value, state: State) -> Finding:
    """The finding on one spelling of the policy, such as DEFAULT:SHA1."""
    message = f"the policy is {policy.value}"
    if any(part in WEAK for part in policy.value.split(":")):
        return failed(HOST, message, FIX, evidence=[policy.evidence], state=state)
    return passed(HOST, message, policy.evidence, state=state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("maintaining-virtual-machines",),
    check=check,
)
