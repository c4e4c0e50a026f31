"""No console password stands in qemu.conf.

One password for every guest's console is known to everybody who looks after one of them; it lies in the clear
in a file, never ends, and VNC heeds its first eight characters only.

Judged: `vnc_password`, `spice_password` and `rdp_password` in qemu.conf. An empty one passes: it shuts the
consoles.

Fix: take the line out. Give a guest that needs one a password of its own, with an end, or let TLS and SASL say
who comes.

Proof: the old password opens no console.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host
from virtwarden.judgements import failed, file_change, passed
from virtwarden.model import Severity, State, Subject

KEYS = ("vnc_password", "spice_password", "rdp_password")


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    for key in KEYS:
        subject = Subject("setting", key)
        if getattr(conf, key):
            fix = file_change(conf.path, RemoveLine(key))
            message = f"{key} is set, one password for every guest"
            yield failed(subject, message, fix, evidence=[conf.cite(key)], state=State.ON_DISK)
        else:
            yield passed(subject, f"{key} holds no password", conf.cite(key), state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("vnc-server-settings",),
    check=check,
)
