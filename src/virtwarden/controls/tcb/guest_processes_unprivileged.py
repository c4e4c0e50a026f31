"""Every running guest's QEMU process is without privileges, sandboxed, and in a mount namespace of its own.

qemu.conf says how guests are to be started; the process shows how this one was. A guest that was started before
a setting was put right, or by hand, runs on with what held then. What is without user root, capabilities and
new privileges, behind seccomp and with a private /dev, leaves an intruder little to go on with.

Judged: of each running guest's process the user and group in /proc/PID/status (neither may be 0), `CapEff`
(none), `NoNewPrivs` (1), `Seccomp` (2), its mount namespace (not the host's), and `-sandbox` on its command
line. The short-lived processes with which libvirt asks QEMU for its abilities are no guests and not judged.

Fix: put qemu.conf right, shut the guest down and start it again; a reboot from within keeps the process.

Proof: a throw-away guest without a disk shows all of it in /proc.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Severity, State, Subject

Seen = tuple[str, Evidence]
RESTART = (
    "put user, group, seccomp_sandbox, namespaces and clear_emulator_capabilities in qemu.conf right, "
    "then `virsh shutdown` and `virsh start` the guest"
)


def check(host: Host) -> Findings:
    guests = host.get(Guests)
    processes = host.get(GuestProcesses)
    if not any(guest.running for guest in guests.guests):
        yield notapplicable(HOST, "no guest runs", state=State.IN_FORCE)
    for guest in guests:
        if not guest.running or guest.name in processes.ended:
            continue
        subject = Subject("guest", guest.name)
        if guest.name not in processes.processes:
            yield unknown(subject, "the process of this guest is not known", state=State.IN_FORCE)
            continue
        yield from judged(subject, processes.processes[guest.name], processes.host_namespace)


def judged(subject: Subject, process: GuestProcess, host_namespace: str | None) -> Findings:
    """The findings on one process: what is wrong with it, and what could not be seen of it."""
    wrong: list[Seen] = []
    refused: list[str] = []
    seen: list[Evidence] = []
    for look in (identity, capabilities, new_privileges, seccomp, namespace, sandbox):
        try:
            for problem, evidence in look(process, host_namespace):
                seen.append(evidence)
                if problem:
                    wrong.append((problem, evidence))
        except Unknown as unseen:
            refused.append(str(unseen))
    if wrong:
        message = f"process {process.pid}: " + ", ".join(problem for problem, _ in wrong)
        fix = by_hand(Document("domain", subject.name), RESTART)
        yield failed(subject, message, fix, evidence=[evidence for _, evidence in wrong], state=State.IN_FORCE)
    if refused:
        yield unknown(subject, "; ".join(dict.fromkeys(refused)), *seen, state=State.IN_FORCE)
    if not wrong and not refused:
        yield passed(subject, f"process {process.pid} is confined on every side", *seen, state=State.IN_FORCE)


def identity(process: GuestProcess, _: str | None) -> Iterator[Seen]:
    """Real, effective, saved and file-system user and group."""
    for field, word in (("Uid", "user"), ("Gid", "group")):
        numbers, evidence = process.status(field)
        yield (f"runs as {word} root" if "0" in numbers.split() else ""), evidence


def capabilities(process: GuestProcess, _: str | None) -> Iterator[Seen]:
    """What it may do beyond its user."""
    mask, evidence = process.status("CapEff")
    yield (f"has capabilities {mask}" if mask.strip("0") else ""), evidence


def new_privileges(process: GuestProcess, _: str | None) -> Iterator[Seen]:
    """Whether a setuid program could lift it."""
    value, evidence = process.status("NoNewPrivs")
    yield ("" if value == "1" else "may gain new privileges"), evidence


def seccomp(process: GuestProcess, _: str | None) -> Iterator[Seen]:
    """Whether a filter of system calls is on it."""
    value, evidence = process.status("Seccomp")
    yield ("" if value == "2" else "has no seccomp filter"), evidence


def namespace(process: GuestProcess, host_namespace: str | None) -> Iterator[Seen]:
    """Whether it sees the host's own /dev."""
    own = process.link("ns/mnt")
    if host_namespace is None:
        raise Unknown(f"process {process.pid} of guest {process.guest}: the host's mount namespace was not seen")
    shared = own.inode == host_namespace
    yield ("shares the host's mount namespace" if shared else ""), own.cite(f"mount namespace {own.inode}")


def sandbox(process: GuestProcess, _: str | None) -> Iterator[Seen]:
    """What QEMU was told on its command line."""
    argv = process.argv
    at = argv.index("-sandbox") + 1 if "-sandbox" in argv else len(argv)
    told = argv[at] if at < len(argv) else ""
    evidence = process.text("cmdline").cite(text=f"-sandbox {told}" if told else "no -sandbox")
    yield ("" if told.startswith("on") else "was started without -sandbox on"), evidence


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("trusted-computing-base",),
    check=check,
)
