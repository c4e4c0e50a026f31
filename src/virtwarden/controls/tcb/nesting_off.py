"""Guests cannot run guests of their own, but for those that are meant to.

A guest with nested virtualization reaches the kernel's emulation of VMX or SVM, a large piece of code that has
let guests break out more than once. Kernels since 4.20 have it on unless they are told otherwise, and guests
whose processor is the host's get it without having asked.

Judged: the parameter `nested` of the kvm module, now and for its next load, for which the boot line counts
before the files. Where `tcb.nested_guests` of the
policy names guests, it may be on. Wherever it is on, every other guest must have vmx and svm disabled, or a
named processor that has neither.

Fix: `options kvm_intel nested=0` (kvm_amd) in /etc/modprobe.d; it holds once the module is loaded anew, with all
guests off. For a guest, disable the feature; it holds from the guest's next start.

Proof: /proc/cpuinfo within a guest shows neither vmx nor svm.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import Edit, InsertElement, RemoveLine, SetAttribute, SetLine
from virtwarden.facts.domain import Definition
from virtwarden.facts.guests import Guests
from virtwarden.facts.kernel import Boot
from virtwarden.facts.modules import OWN_MODULES_FILE, Modules, is_true
from virtwarden.facts.policy import Policy, matches
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Safety, Severity, State, Subject

MODULES = ("kvm_intel", "kvm_amd", "kvm_hv", "kvm")
FEATURES = {"kvm_intel": "vmx", "kvm_amd": "svm"}
EXPOSING = ("host-passthrough", "host-model", "maximum")
OFF_POLICIES = ("disable", "forbid")


def check(host: Host) -> Findings:
    modules = host.get(Modules)
    nested = host.get(Policy).tcb.nested_guests
    yield from booted(host, accepted=bool(nested))
    for module in MODULES:
        yield from of_module(modules, module, accepted=bool(nested))
        now = modules.parameters.get(f"{module}/nested")
        if module in FEATURES and now is not None and is_true(now.value):
            yield from of_guests(host, FEATURES[module], nested)
    if not any(f"{module}/nested" in (*modules.parameters, *modules.options) for module in MODULES):
        yield from nothing_known(modules)


def booted(host: Host, *, accepted: bool) -> Findings:
    """The findings on what the boot line hands to the modules, whatever their files say."""
    try:
        entries = host.get(Boot).configured()
    except (Absent, Unknown):
        return
    for name in (f"{module}.nested" for module in MODULES if not accepted):
        for entry in entries:
            value = entry.value(name)
            if value is not None and is_true(value or "1"):
                argument = f"{name}={value}" if value else name
                fix = Change(Document("boot", "kernel line"), RemoveLine(argument), Safety.DISRUPTIVE)
                subject = Subject("module", name.partition(".")[0])
                message = f"the boot line turns nesting on: {argument}"
                yield failed(subject, message, fix, evidence=[entry.evidence], state=State.ON_DISK)
                break


def nothing_known(modules: Modules) -> Findings:
    """What to say where neither a loaded module nor an option was seen."""
    subject = Subject("module", "kvm")
    refusal = next(iter(modules.unread.values()), modules.refusal)
    if refusal:
        yield unknown(subject, f"whether guests may nest: {refusal}")
    else:
        yield notapplicable(subject, "no kvm module that can nest is loaded")


def of_module(modules: Modules, module: str, *, accepted: bool) -> Findings:
    """The findings on one module, if it is loaded or options for it are set."""
    subject, name = Subject("module", module), f"{module}/nested"
    now = modules.parameters.get(name)
    if now is not None and is_true(now.value) and not accepted:
        steps = f"shut all guests down, then modprobe -r {module} and modprobe {module}; or reboot"
        fix = by_hand(Document("file", f"/sys/module/{module}/parameters/nested"), steps)
        yield failed(subject, "nesting is on", fix, evidence=[now.evidence], state=State.IN_FORCE)
    elif now is not None:
        words = "on, as the policy accepts" if is_true(now.value) else "off"
        yield passed(subject, f"nesting is {words}", now.evidence, state=State.IN_FORCE)
    elif name in modules.unread and name in modules.options:
        yield unknown(subject, modules.unread[name], state=State.IN_FORCE)
    try:
        option = modules.option(name)
    except Unknown as refused:
        if now is not None:
            yield unknown(subject, str(refused), state=State.ON_DISK)
        return
    set_off = file_change(OWN_MODULES_FILE, SetLine(f"options {module} nested", "0", "="))
    if option is not None and is_true(option.value) and not accepted:
        yield failed(subject, "nesting is turned on", set_off, evidence=[option.evidence], state=State.ON_DISK)
    elif option is not None:
        message = "nesting is turned " + ("on, as the policy accepts" if is_true(option.value) else "off")
        yield passed(subject, message, option.evidence, state=State.ON_DISK)
    elif now is not None and is_true(now.value) and not accepted:
        message = "nothing turns nesting off, and this kernel has it on by itself"
        yield failed(subject, message, set_off, evidence=[now.evidence], state=State.ON_DISK)
    elif now is not None:
        message = "nothing is set for the next load; the kernel does as it does now"
        yield passed(subject, message, now.evidence, state=State.ON_DISK)


def of_guests(host: Host, feature: str, nested: tuple[str, ...]) -> Findings:
    """The findings on guests of a host whose module lets them nest."""
    try:
        guests = host.get(Guests)
    except Absent:
        return
    except Unknown as refused:
        yield unknown(Subject("guest"), f"which guests may nest: {refused}")
        return
    for guest in guests:
        subject = Subject("guest", guest.name)
        for definition in guest.definitions:
            here = definition.cite(definition.line("cpu"), None if definition.has("cpu") else "it has no <cpu>")
            if matches(guest.name, nested):
                yield passed(subject, "the policy lets it nest", here, state=definition.state)
            elif exposes(definition, feature):
                fix = hiding(guest.name, definition, feature)
                message = f"its processor shows {feature}, so it can run guests"
                yield failed(subject, message, fix, evidence=[here], state=definition.state)
            else:
                yield passed(subject, f"its processor does not show {feature}", here, state=definition.state)


def exposes(definition: Definition, feature: str) -> bool:
    """Whether a guest's processor has vmx or svm, as far as its XML tells."""
    if definition.hypervisor != "kvm":
        return False
    said = definition.xml.find(f"cpu/feature[@name='{feature}']")
    if said is not None:
        return said.get("policy") not in OFF_POLICIES
    return definition.get("cpu", "mode") in EXPOSING


def hiding(guest: str, definition: Definition, feature: str) -> Change:
    """The edit that takes vmx or svm from a guest."""
    path = f"cpu/feature[@name='{feature}']"
    edit: Edit = InsertElement("cpu", f"<feature policy='disable' name='{feature}'/>")
    if definition.has(path):
        edit = SetAttribute(path, "policy", "disable")
    return Change(Document("domain", guest), edit, Safety.DISRUPTIVE)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("trusted-computing-base",),
    check=check,
)
