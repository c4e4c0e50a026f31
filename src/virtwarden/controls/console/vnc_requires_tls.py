"""VNC consoles that can be reached from the network require TLS and a client that proves who it is.

VNC sends the screen and every keystroke in the clear. Whoever shares the network with the host can read a
password as it is typed at a guest's log-in prompt, or take the session over. TLS without a client certificate
keeps the words secret and lets everybody speak.

Judged: where each guest's VNC consoles listen, on disk and in force. For those that others can reach: on disk
`vnc_tls` together with `vnc_tls_x509_verify` (or `default_tls_x509_verify`) or `vnc_sasl` in qemu.conf; in
force the command line of the guest's process, since a guest keeps what it was started with.

Fix: a console that listens on every address without TLS goes off the network, to where the policy's `console.listen`
says. Where that is the management address, or the guest names an address, `vnc_tls` and `vnc_tls_x509_verify` are set
to 1, with certificates in place first; viewers without one of the same authority are kept out then. Guests take it at
their next start.

Proof: `virt-warden prove console`: a stranger is offered TLS only; without a certificate there is no session; with ours
there is one.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.console_moves import taken_inside
from virtwarden.facts.consoles import Guard, places, vnc_as_configured, vnc_in_force
from virtwarden.facts.domain import Console, Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcesses
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, certificate_first, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Safety, Severity, State, Subject

RESTART = "qemu.conf asks for it already: `virsh shutdown` and `virsh start` the guest"


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    guests, found = host.get(Guests), False
    for guest in guests:
        for definition in guest.definitions:
            if definition.consoles_of("vnc"):
                found = True
                yield from _judged(host, guest, definition, conf)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest has a VNC console")


def _judged(host: Host, guest: Guest, definition: Definition, conf: QemuConf) -> Findings:
    subject, state = Subject("guest", guest.name), definition.state
    for console in definition.consoles_of("vnc"):
        beyond = [place for place in places(console, conf) if place.beyond]
        where = ", ".join(place.address for place in beyond)
        here = definition.cite(console.line)
        if not beyond:
            yield passed(subject, "VNC can be reached on this host only", here, state=state)
            continue
        try:
            guard, evidence = _guard(host, guest, state, console, conf)
        except Unknown as refused:
            message = f"how VNC on {where} is guarded: {refused}"
            yield unknown(subject, message, here, *refused.evidence, state=state)
            continue
        if guard.tls and guard.authenticates:
            asked = "a client certificate" if guard.certificate else "a log-in"
            yield passed(subject, f"VNC on {where} takes TLS and asks for {asked}", here, *evidence, state=state)
        else:
            message = f"VNC on {where} {_fault(guard)}"
            inside = () if conf.vnc_tls else taken_inside(host, guest.name, console, beyond[0])
            fix = inside or _fixes(host, guest, conf)
            yield failed(subject, message, *fix, evidence=[here, *evidence], state=state)


def _fault(guard: Guard) -> str:
    asked = "only for a password" if guard.password else "for neither certificate nor log-in"
    return f"takes TLS and asks {asked}" if guard.tls else "is in the clear"


def _fixes(host: Host, guest: Guest, conf: QemuConf) -> tuple[Change, ...]:
    """The settings that are still missing, once there is a certificate; where none is, the guest was started before
    they were made."""
    missing = [key for key, is_on in (("vnc_tls", conf.vnc_tls), ("vnc_tls_x509_verify", conf.vnc_verifies))
               if not is_on]  # fmt: skip
    if not missing:
        return (by_hand(Document("domain", guest.name), RESTART),)
    certificate = certificate_first(host, conf.certificate_directories("vnc"))
    return (*certificate, *(file_change(PATH, SetConf(key, 1), Safety.DISRUPTIVE) for key in missing))


def _guard(
    host: Host, guest: Guest, state: State, console: Console, conf: QemuConf
) -> tuple[Guard, list[Evidence]]:
    if state is State.ON_DISK:
        keys = ("vnc_tls", "vnc_tls_x509_verify", *(("vnc_sasl",) if conf.vnc_sasl else ()))
        return vnc_as_configured(console, conf), [conf.cite(key) for key in keys]
    process = host.get(GuestProcesses).processes.get(guest.name)
    if process is None:
        raise Unknown(f"the process of guest {guest.name} was not found")
    found = vnc_in_force(process)
    line = process.text("cmdline")
    if found is None:
        raise Unknown(f"process {process.pid} of guest {guest.name} has no -vnc", line.cite(text="no -vnc"))
    guard, shown = found
    return guard, [line.cite(text=f"-vnc {shown}")]


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("vnc-tls", "vnc-server-settings", "vnc-guest-listen"),
    check=check,
)
