"""SPICE consoles that can be reached from the network speak TLS alone.

`spice_tls` only offers TLS: the plain port stays open beside it, and with the default mode `any` a client may
choose the clear, as may whoever sits between them. The blueprint's guest, with `port` and `tlsPort` and no
mode, is such a case.

Judged: for each SPICE console that others can reach, whether its mode is `secure` with no channel that says
otherwise and no plain port, in the XML on disk and in force; on disk `spice_tls` in qemu.conf as well, without
which a secure console does not start.

Fix: a console that listens on every address goes off the network, to where the policy's `console.listen` says. Where
that is the management address, or the guest names an address, `defaultMode='secure'` with `autoport='yes'`, for which
libvirt opens the TLS port alone, and `spice_tls`. Guests take it at their next start. QEMU of RHEL 9 and later has no
SPICE at all.

Proof: `virt-warden prove console`: the plain port is closed, or answers that a secured link is needed; the TLS port
links the main channel.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetAttribute, SetConf
from virtwarden.facts.console_moves import taken_inside
from virtwarden.facts.consoles import places
from virtwarden.facts.domain import Console, Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import certificate_first, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Safety, Severity, State, Subject

SPICE = "devices/graphics[@type='spice']"


def check(host: Host) -> Findings:
    host.get(QemuConf)
    guests, found = host.get(Guests), False
    for guest in guests:
        for definition in guest.definitions:
            for console in definition.consoles_of("spice"):
                found = True
                yield from _judged(host, guest, definition, console)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest has a SPICE console")


def _judged(host: Host, guest: Guest, definition: Definition, console: Console) -> Findings:
    conf = host.get(QemuConf)
    subject, state = Subject("guest", guest.name), definition.state
    here = definition.cite(console.line)
    beyond = [place for place in places(console, conf) if place.beyond]
    where = ", ".join(place.address for place in beyond)
    if not beyond:
        yield passed(subject, "SPICE can be reached on this host only", here, state=state)
        return
    faults = list(_faults(console))
    evidence = [here]
    if state is State.ON_DISK:
        evidence.append(conf.cite("spice_tls"))
        faults.extend([] if conf.spice_tls else ["spice_tls is off"])
    if faults:
        message = f"SPICE on {where}: {', '.join(faults)}"
        fix = taken_inside(host, guest.name, console, beyond[0]) or tuple(_fix(host, guest, console))
        yield failed(subject, message, *fix, evidence=evidence, state=state)
    else:
        yield passed(subject, f"SPICE on {where} speaks TLS alone", *evidence, state=state)


def _faults(console: Console) -> Iterator[str]:
    if console.default_mode != "secure":
        yield f"the mode is {console.default_mode or 'any'}"
    clear = sorted(name for name, mode in console.channels.items() if mode != "secure")
    if clear:
        yield f"channels {', '.join(clear)} may be in the clear"
    if console.port is not None:
        yield f"the plain port {console.port} is open"


def _fix(host: Host, guest: Guest, console: Console) -> Iterator[Change]:
    conf = host.get(QemuConf)
    yield from certificate_first(host, conf.certificate_directories("spice"))
    domain = Document("domain", guest.name)
    if not conf.spice_tls:
        yield file_change(PATH, SetConf("spice_tls", 1))
    yield Change(domain, SetAttribute(SPICE, "autoport", "yes"), Safety.DISRUPTIVE)
    yield Change(domain, SetAttribute(SPICE, "port", "-1"), Safety.DISRUPTIVE)
    yield Change(domain, SetAttribute(SPICE, "defaultMode", "secure"), Safety.DISRUPTIVE)
    for name, mode in console.channels.items():
        if mode != "secure":
            path = f"{SPICE}/channel[@name='{name}']"
            yield Change(domain, SetAttribute(path, "mode", "secure"), Safety.DISRUPTIVE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("spice-tls", "spice-step-1-server", "spice-step-2-guest", "spice-firewall"),
    check=check,
)
