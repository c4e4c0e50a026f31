"""Passwords of consoles end.

A console's password lies in the clear in the guest's definition and is told to whoever needs a look at the
screen. Without `passwdValidTo` it lasts for ever. A time that has passed is fine: it lets nobody in until a new
password is set.

Judged: guests' consoles that have a password: whether it ends, and within `console.password_days` of the policy
from the scan on. libvirt shows passwords to those alone who may read guests' secrets, so that nothing is told
where the guests were read through it.

Fix: set `passwdValidTo`, in UTC. `virsh update-device` does so for a running guest.

Proof: after that time the password opens no console.
"""

from datetime import UTC, datetime, timedelta

from virtwarden.control import Control, Findings
from virtwarden.edits import SetAttribute
from virtwarden.facts.domain import Console, Definition, Guest
from virtwarden.facts.guests import Guests
from virtwarden.facts.policy import Policy
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    guests, found = host.get(Guests), False
    for guest in guests:
        for definition in guest.definitions:
            told = definition.text.path.startswith("/")
            for console in definition.consoles:
                if console.has_password:
                    found = True
                    yield _judged(host, guest, definition, console)
                elif not told:
                    found = True
                    message = "libvirt does not tell whether the console has a password"
                    here = definition.cite(console.line)
                    yield unknown(Subject("guest", guest.name), message, here, state=definition.state)
    if guests.liveness is not None:
        yield unknown(HOST, f"which guests run: {guests.liveness}", state=State.IN_FORCE)
    elif not found:
        yield notapplicable(HOST, "no guest's console has a password of its own")


def _judged(host: Host, guest: Guest, definition: Definition, console: Console) -> Finding:
    subject, here = Subject("guest", guest.name), definition.cite(console.line)
    latest = host.taken_at + timedelta(days=host.get(Policy).console.password_days)
    ends = _time(console.valid_to)
    name = f"the password of the {console.kind.upper()} console"
    if ends is not None and ends <= latest:
        return passed(subject, f"{name} ends at {console.valid_to}", here, state=definition.state)
    path = f"devices/graphics[@type='{console.kind}']"
    wanted = f"{latest:%Y-%m-%dT%H:%M:%S}"
    fix = Change(Document("domain", guest.name), SetAttribute(path, "passwdValidTo", wanted))
    message = f"{name} never ends" if ends is None else f"{name} ends only at {console.valid_to}"
    return failed(subject, message, fix, evidence=[here], state=definition.state)


def _time(text: str | None) -> datetime | None:
    """The moment that libvirt reads, which is in UTC; None where there is none."""
    try:
        return None if text is None else datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("ssh-virt-viewer",),
    check=check,
)
