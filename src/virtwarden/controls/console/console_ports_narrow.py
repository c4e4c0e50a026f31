"""Consoles get their ports from a narrow range.

libvirt gives a console the first free port from 5900 on, up to 65535 unless told otherwise. A firewall that is to
let viewers reach the consoles of the management network then has to open nearly every port, and whatever else is
started there is open as well. A range that fits the guests of one host can be told to a firewall, and to sshd.

Judged: `remote_display_port_min` and `remote_display_port_max` in qemu.conf, against `console.last_port` of the policy.

Fix: set `remote_display_port_max`, and `remote_display_port_min` where it lies outside. Guests that run keep their
ports until their next start.

Proof: the port of a guest that is started lies in the range.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, passed
from virtwarden.model import Severity, State, Subject

FIRST, LAST = "remote_display_port_min", "remote_display_port_max"
LEAST = 5900


def check(host: Host) -> Findings:
    conf, last = host.get(QemuConf), host.get(Policy).console.last_port
    subject = Subject("setting", LAST)
    message = f"consoles get ports from {conf.remote_display_port_min} to {conf.remote_display_port_max}"
    evidence = (conf.cite(FIRST), conf.cite(LAST))
    fix = [] if conf.remote_display_port_max <= last else [file_change(PATH, SetConf(LAST, last))]
    if not LEAST <= conf.remote_display_port_min < last:
        fix.append(file_change(PATH, SetConf(FIRST, LEAST)))
    if fix:
        yield failed(subject, f"{message}, beyond {last}", *fix, evidence=evidence, state=State.ON_DISK)
    else:
        yield passed(subject, message, *evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("vnc-firewall", "spice-firewall"),
    check=check,
)
