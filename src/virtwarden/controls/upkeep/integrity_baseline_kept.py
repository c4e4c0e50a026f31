"""A baseline of the host's files is kept, to tell what somebody changed.

An intruder who has been root leaves an emulator, a hook or a rule of polkit behind. Without a baseline nobody can
say which files of the host are still as its packages and its administrators made them.

Judged: whether AIDE, Tripwire or Samhain is installed and has a baseline.

Fix: install AIDE, run `aide --init`, move the new baseline into its place, keep a copy off the host, and compare
every day. Cover /usr/sbin, the emulators, /etc/libvirt and the firmware images.

Proof: `aide --check` names a file that was changed for the purpose.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.integrity import Integrity
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed
from virtwarden.model import HOST, Document, Evidence, Severity, State

INIT = by_hand(
    Document("file", "/var/lib/aide/aide.db.gz"),
    "install aide, run aide --init (aideinit on Debian), and move the new database to where aide.conf reads it",
)


def check(host: Host) -> Findings:
    integrity = host.get(Integrity)
    if integrity.program is None:
        evidence = [Evidence("neither aide nor tripwire nor samhain", path="/usr/sbin")]
        yield failed(HOST, "no program keeps a baseline of files", INIT, evidence=evidence, state=State.ON_DISK)
    elif integrity.baseline is None:
        evidence = [integrity.program.cite()]
        message = f"{integrity.program.path} is installed and has no baseline"
        yield failed(HOST, message, INIT, evidence=evidence, state=State.ON_DISK)
    else:
        message = f"{integrity.baseline.path} is the baseline"
        yield passed(HOST, message, integrity.program.cite(), integrity.baseline.cite(), state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("maintaining-virtual-machines",),
    check=check,
)
