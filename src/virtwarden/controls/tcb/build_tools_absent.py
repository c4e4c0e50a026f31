"""No compiler lies ready on the host.

An exploit for the kernel comes as source more often than not, made for the very kernel that it finds; so does what
an intruder stays with. A host of guests builds nothing. Clients of protocols without encryption, telnet and rsh,
serve nobody but him who likes passwords to be read on the way.

Judged: whether compilers, make and such clients are in the directories of programs. A host that builds modules
for its own kernel, with dkms, needs a compiler; that is for a waiver to say.

Fix: take the packages off.

Proof: an ordinary user finds none of the programs in his PATH.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.facts.buildtools import BuildTools
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Document, Severity, State, Subject

REMOVE = (
    "see with dpkg -S or rpm -qf which package has it, and take that off (apt-get purge, dnf remove, zypper rm)"
)


def check(host: Host) -> Findings:
    tools = host.get(BuildTools)
    for stat, kind in tools.programs:
        fix = by_hand(Document("file", stat.path), REMOVE)
        subject = Subject("file", stat.path)
        yield failed(subject, f"is {kind}", fix, evidence=[stat.cite()], state=State.ON_DISK)
    for path, refused in tools.unread.items():
        yield unknown(Subject("file", path), refused, state=State.ON_DISK)
    if not tools.programs and not tools.unread:
        where = tools.directory.cite("none of the programs")
        yield passed(HOST, "there is none", where, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("trusted-computing-base",),
    check=check,
)
