"""libvirt keeps no secret's value in the clear on disk.

The passphrase of an encrypted image, the key of a Ceph client or of a virtual TPM is a libvirt secret. Unless
it is ephemeral, libvirt before 12.1 writes its value beside its definition in base64, which hides nothing:
whoever carries the disk away has the lock and the key together. Since 12.1 values are encrypted with a key that
systemd seals to this machine, but those that were set before stay as they were until they are set again.

Judged: whether `UUID.base64` exists in /etc/libvirt/secrets, which is never read; one on a file system that
lies on an encrypted volume is accepted.

Fix: with libvirt 12.1 and later set the value again; before that make the secret ephemeral and set it after
each boot, or keep /etc on an encrypted volume.

Proof: after setting the value again the directory holds `UUID.aes256cbc` alone, and the guest starts.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.atrest import encrypted_beneath
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.secrets import Secret, Secrets
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    encrypts = host.get(Libvirt).at_least(12, 1)
    secrets = host.get(Secrets).secrets
    for secret in secrets:
        subject = Subject("secret", secret.uuid)
        if secret.plain is not None:
            yield in_clear(host, subject, secret, secret.plain, encrypts)
        elif secret.sealed is not None:
            message = f"its value{_of(secret)} is encrypted"
            yield passed(subject, message, secret.sealed.cite(), state=State.ON_DISK)
        else:
            message = f"it keeps no value on disk{_of(secret)}"
            yield notapplicable(subject, message, state=State.ON_DISK)
    if not secrets:
        yield notapplicable(Subject("host"), "libvirt keeps no secrets on it")


def in_clear(host: Host, subject: Subject, secret: Secret, plain: Stat, encrypts: bool | None) -> Finding:
    """The finding for a value in base64."""
    cited = plain.cite("a value in base64")
    try:
        found = encrypted_beneath(host, plain.real)
    except (Absent, Unknown) as refused:
        message = f"its value{_of(secret)} is in base64; {refused}"
        return unknown(subject, message, cited, state=State.ON_DISK)
    if found is not None:
        message = f"its value{_of(secret)} is in base64, on the encrypted volume {found[0]}"
        return passed(subject, message, cited, found[1], state=State.ON_DISK)
    change = fix(secret, plain, encrypts)
    message = f"its value{_of(secret)} is in the clear, as base64"
    return failed(subject, message, change, evidence=[cited], state=State.ON_DISK)


def fix(secret: Secret, plain: Stat, encrypts: bool | None) -> Change:
    """What helps with this libvirt."""
    document = Document("file", plain.path)
    if encrypts:
        return by_hand(document, f"virsh secret-set-value {secret.uuid} --interactive")
    steps = (
        "define the secret anew with ephemeral='yes' and set its value after each boot, or keep /etc/libvirt on "
        f"an encrypted volume, or go to libvirt 12.1 and then virsh secret-set-value {secret.uuid} --interactive"
    )
    return by_hand(document, steps)


def _of(secret: Secret) -> str:
    return f", for {secret.usage}," if secret.usage else ""


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("image-encryption",),
    check=check,
)
