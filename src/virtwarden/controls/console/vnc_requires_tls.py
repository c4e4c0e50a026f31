"""VNC consoles that can be reached from the network require TLS and a client certificate.

VNC sends the screen and every keystroke in the clear. Whoever shares the network with the host can read a
password as it is typed at a guest's login prompt, or take the session over. TLS without a client certificate
keeps the words secret and lets everybody speak.

Judged: where each guest's VNC console listens, on disk and in force; for those that others can reach,
`vnc_tls` and `vnc_tls_x509_verify` (or `default_tls_x509_verify`) in qemu.conf.

Fix: set both to 1. Guests take it at their next start. Certificates have to be in place first.

Proof: a stranger is offered TLS only; without a certificate there is no session; with ours there is one.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.domain import Console
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, passed
from virtwarden.model import Severity, Subject

TLS_ON = (file_change(PATH, SetConf("vnc_tls", 1)), file_change(PATH, SetConf("vnc_tls_x509_verify", 1)))
LOCAL = ("127.0.0.1", "::1", "localhost")


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    for guest in host.get(Guests):
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            for console in definition.consoles_of("vnc"):
                where = reachable_at(console, conf)
                here = definition.cite(console.line)
                if not where:
                    yield passed(subject, "VNC can be reached on this host only", here, state=definition.state)
                elif conf.vnc_tls and conf.vnc_verifies:
                    certificate = conf.cite("vnc_tls_x509_verify")
                    message = f"VNC on {where} asks for a client certificate"
                    yield passed(subject, message, here, certificate, state=definition.state)
                else:
                    message = (
                        f"VNC on {where} {'needs no client certificate' if conf.vnc_tls else 'is in the clear'}"
                    )
                    evidence = [here, conf.cite("vnc_tls"), conf.cite("vnc_tls_x509_verify")]
                    yield failed(subject, message, *TLS_ON, evidence=evidence, state=definition.state)


def reachable_at(console: Console, conf: QemuConf) -> str:
    """The address on which others can reach a VNC console; empty where none."""
    for listen in console.listens:
        if listen.kind in ("socket", "none"):
            continue
        if listen.kind == "address" and listen.address is None and conf.vnc_auto_unix_socket:
            continue
        address = listen.address or conf.vnc_listen
        if address not in LOCAL:
            return address
    return ""


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("vnc-tls", "vnc-server-settings"),
    check=check,
)
