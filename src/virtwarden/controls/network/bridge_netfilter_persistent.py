"""What sysctl.d says of Netfilter on bridges still holds after the module for it has been loaded.

The switches net.bridge.bridge-nf-call-* belong to the module br_netfilter and come up as 1 whenever it is
loaded. The files of sysctl.d are read once, early at boot; a firewall or a container engine loads the module
later, and what the files said is gone without a trace. The well-known advice to write the switches to
/etc/sysctl.conf leaves them to this chance.

Judged: for each switch that a file sets, that the module is loaded before the files are read (modules-load.d),
that a udev rule reads them again when it comes, or that it is kept from loading; and that the value in force is
the one in the file. Kernels before 3.18 have the switches in the bridge module itself and set them with the
network.

Fix: br_netfilter in modules-load.d, which is read before sysctl.d.

Proof: unload the module, load it, and read the switches again.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace, SetState
from virtwarden.facts.bridgenf import LOAD_FILE, MODULE, SWITCHES, BridgeNetfilter
from virtwarden.facts.kernel import Sysctls, Value
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    sysctls, loading = host.get(Sysctls), host.get(BridgeNetfilter)
    for switch in SWITCHES:
        subject = Subject("setting", switch)
        value = sysctls.configured(switch)
        if value is None:
            yield notapplicable(subject, f"no file sets {switch}", state=State.ON_DISK)
            continue
        yield at_boot(subject, value, loading)
        yield from now(subject, value, sysctls)


def at_boot(subject: Subject, value: Value, loading: BridgeNetfilter) -> Finding:
    if loading.built_in:
        message = f"{subject.name} is set with the network: this kernel has no module for it"
        return passed(subject, message, value.evidence, state=State.ON_DISK)
    holding = loading.lasting or loading.barred
    if holding is not None:
        return passed(subject, f"{value.value} holds at every boot", value.evidence, holding, state=State.ON_DISK)
    change = file_change(LOAD_FILE, Replace(f"{MODULE}\n"))
    message = f"{value.value} is lost when {MODULE} is loaded after the file was read"
    return failed(subject, message, change, evidence=[value.evidence], state=State.ON_DISK)


def now(subject: Subject, value: Value, sysctls: Sysctls) -> Iterator[Finding]:
    state = State.IN_FORCE
    try:
        real = sysctls.effective(subject.name)
    except Absent as absent:
        yield passed(subject, f"{MODULE} is not loaded", *absent.evidence, state=state)
        return
    except Unknown as refused:
        yield unknown(subject, str(refused), *refused.evidence, state=state)
        return
    evidence = [real.evidence, value.evidence]
    if real.value == value.value:
        yield passed(subject, f"{subject.name} is {real.value} as configured", *evidence, state=state)
        return
    change = Change(Document("sysctl", subject.name), SetState(value.value))
    message = f"{subject.name} is {real.value}, configured is {value.value}"
    yield failed(subject, message, change, evidence=evidence, state=state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("bridge-netfilter", "disable-bridge-netfilter-for-vlans"),
    check=check,
)
