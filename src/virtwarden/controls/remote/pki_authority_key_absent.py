"""The private key of the authority that the host trusts is not on the host.

With that key anybody who breaks into the host, or into a backup of it, issues himself an administrator's
certificate for every host that trusts the same authority. The blueprint makes the key on the host and leaves it
there.

Judged: the public halves of all private keys in the PKI's directories, and in places where keys are left behind
(/etc/pki, /etc/ssl/private, home directories, /tmp), against those of the authorities' certificates; an
encrypted key counts if its name says that it is the authority's.

Fix: move it to a machine that is not on the network and wipe it here. If others could read it, make a new
authority.

Proof: none; a key that is elsewhere cannot be shown to be nowhere else.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.pki import LooseKeys, Pki
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import HOST, Document, Severity, Subject
from virtwarden.pki.verify.files import is_authoritys_key

STEPS = "move the key to a machine that is off the network, wipe it here, and replace the authority if in doubt"


def check(host: Host) -> Findings:
    pki, loose = host.get(Pki), host.get(LooseKeys)
    authorities = {certificate.key_id: file for file, certificate in pki.authorities()}
    found = {file.path: file for file in (*pki.files, *loose.files) if is_authoritys_key(file, authorities)}
    for path, file in found.items():
        evidence = [file.cite(1, "holds a private key"), *(each.cite() for each in authorities.values())]
        message = "the private key of the authority lies on the host"
        yield failed(Subject("file", path), message, by_hand(Document("file", path), STEPS), evidence=evidence)
    pki.complete()
    unread = [file.cite(text=file.problem) for file in (*pki.files, *loose.files) if file.text is None]
    if loose.refused or unread:
        refused = (*loose.refused, *unread)
        raise Unknown(f"{len(refused)} places could not be searched for the authority's key", *refused)
    if not authorities and not found:
        yield notapplicable(HOST, "the host trusts no authority for libvirt or QEMU")
    for file in {} if found else authorities.values():
        yield passed(Subject("file", file.path), "its private key was not found on the host", file.cite())


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("tls-step-1-ca",),
    check=check,
)
