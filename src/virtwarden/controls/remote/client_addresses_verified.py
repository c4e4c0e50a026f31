"""This host's own libvirt clients look whom they talk to.

`no_verify=1` in an address has a client take any server's certificate or host key: whoever stands in between takes the
administrator's commands, and the memory of guests that are migrated. `qemu+tcp` sends the same in the clear. Both stand
in tutorials, as what makes an error go away.

Judged: `uri_default` and the addresses of `uri_aliases` in /etc/libvirt/libvirt.conf.

Fix: an address without `no_verify`, over TLS or SSH, once the server's certificate names the host or its host key is
known.

Proof: a session with a server whose certificate is another's is refused, one with the right server opens.
"""

import re

from virtwarden.control import Control, Findings
from virtwarden.facts.client_conf import PATH, ClientConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed
from virtwarden.model import HOST, Document, Severity, State, Subject

UNVERIFIED = re.compile(r"[?&;](?:no_verify=0*[1-9]|known_hosts_verify=ignore)", re.IGNORECASE)
CLEAR = re.compile(r"[a-z]+\+tcp://", re.IGNORECASE)


def check(host: Host) -> Findings:
    conf = host.get(ClientConf)
    for key, address in conf.addresses:
        subject, cited = Subject("address", address), conf.cite(key)
        fault = (
            "takes any server"
            if UNVERIFIED.search(address)
            else "goes in the clear"
            if CLEAR.match(address)
            else ""
        )
        if fault:
            steps = f"write the address in {key} with qemu+tls or qemu+ssh, and without no_verify"
            fix = by_hand(Document("file", PATH), steps)
            yield failed(subject, fault, fix, evidence=[cited], state=State.ON_DISK)
        else:
            yield passed(subject, "looks whom it talks to", cited, state=State.ON_DISK)
    if not conf.addresses:
        yield notapplicable(
            HOST, "its clients go to no other host by an address that is set", conf.cite("uri_default")
        )


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("tls-step-4-client-files", "ssh-virsh"),
    check=check,
)
