"""The host's clock follows a time server.

Certificates are valid for a span of time, and audit records of two hosts tell a story only if their clocks
agree. Guests take their time from the host. A clock that drifts, or that somebody sets back, opens what has
expired and blurs what happened.

Judged: whether a service that keeps time starts at boot, and whether one runs: chrony, ntpd, openntpd,
systemd-timesyncd, or ptp4l.

Fix: enable the one that is installed, or install chrony.

Proof: `chronyc tracking` or `timedatectl` says that the clock is synchronised.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetState
from virtwarden.facts.units import Unit, Units
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, passed, unknown
from virtwarden.model import HOST, Change, Document, Evidence, Severity, State

NAMES = ("chronyd", "chrony", "ntpd", "ntp", "ntpsec", "openntpd", "systemd-timesyncd", "ptp4l", "xntpd")
SERVICES = tuple(f"{name}.service" for name in NAMES)
STARTS = ("enabled", "enabled-runtime", "generated", "alias")
INSTALL = by_hand(Document("unit", "chronyd.service"), "install chrony and enable its service")


def check(host: Host) -> Findings:
    units = host.get(Units)
    present = [units.files[name] for name in SERVICES if name in units.files]
    starting = next((unit for unit in present if unit.state in STARTS), None)
    if starting is not None:
        yield passed(HOST, f"{starting.name} starts at boot", starting.evidence, state=State.ON_DISK)
    elif units.files:
        message = "no service keeps the clock right from boot on"
        evidence = [unit.evidence for unit in present] or [units.listed("no such service is listed")]
        yield failed(HOST, message, enabling(present), evidence=evidence, state=State.ON_DISK)
    else:
        yield unknown(HOST, "whether a service keeps the clock right: no unit is known", state=State.ON_DISK)
    yield from in_force(units)


def in_force(units: Units) -> Findings:
    """The finding on what runs."""
    if units.active is None:
        yield unknown(HOST, f"whether a service keeps the clock right: {units.refusal}", state=State.IN_FORCE)
        return
    running = next((unit for name in SERVICES if (unit := units.running(name)) is not None), None)
    if running is not None:
        yield passed(HOST, f"{running.name} runs", running.evidence, state=State.IN_FORCE)
    else:
        present = [units.files[name] for name in SERVICES if name in units.files]
        first = next((unit.evidence for unit in units.active.values()), Evidence(""))
        evidence = [Evidence("no such service runs", argv=first.argv, code=first.code, at=first.at)]
        message = "no service keeps the clock right"
        yield failed(HOST, message, enabling(present), evidence=evidence, state=State.IN_FORCE)


def enabling(present: list[Unit]) -> Change:
    """Enable the first that is installed and not masked."""
    usable = next((unit for unit in present if unit.state != "masked"), None)
    return INSTALL if usable is None else Change(Document("unit", usable.name), SetState("enabled"))


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("maintaining-virtual-machines",),
    check=check,
)
