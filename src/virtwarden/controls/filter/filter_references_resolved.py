"""Every network filter that is referred to is defined, and none refers to itself.

A guest whose filter is missing, or draws in one that is, does not start; on the host that it was moved to, or
after a restore, somebody takes the reference out to get it running, and it runs unfiltered from then on.

Judged: the filters that interfaces name, on disk, and those that filters draw in; circles among them, which
libvirt refuses to define and which therefore come from files edited by hand.

Fix: define the missing filter, or correct the name. libvirt's own filters come with its package.

Proof: virsh nwfilter-binding-create with the filter on a probe's port succeeds.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import NwFilter, NwFilters, Tree
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    filters, nics = host.get(NwFilters), host.get(Nics)
    named = [nic for nic in nics.of(State.ON_DISK) if nic.interface.filter is not None]
    for nic in named:
        try:
            yield from of_interface(nic, nic.interface.filter or "", filters)
        except Unknown as refused:
            yield unknown(nic.subject, str(refused), *refused.evidence, nic.cite(), state=State.ON_DISK)
    for filter_ in filters.filters.values():
        try:
            yield from of_filter(filter_, filters.tree(filter_.name))
        except Unknown as refused:
            yield unknown(Subject("nwfilter", filter_.name), str(refused), *refused.evidence, state=State.ON_DISK)
    filters.complete()
    nics.complete()
    if not named and not filters.filters:
        yield notapplicable(HOST, "there are no network filters")


def of_interface(nic: Nic, name: str, filters: NwFilters) -> Iterator[Finding]:
    if filters.tree(name) is not None:
        yield passed(nic.subject, f"filter {name} is defined", nic.cite(), state=State.ON_DISK)
        return
    change = by_hand(Document("domain", nic.guest.name), f"Define the filter {name}, or name one that is defined")
    yield failed(nic.subject, f"filter {name} is not defined", change, evidence=[nic.cite()], state=State.ON_DISK)


def of_filter(filter_: NwFilter, tree: Tree | None) -> Iterator[Finding]:
    subject = Subject("nwfilter", filter_.name)
    missing = [ref for owner, ref in tree.missing if owner is filter_] if tree is not None else []
    circles = [ref for owner, ref in tree.circles if ref.name == filter_.name] if tree is not None else []
    document = Document("nwfilter", filter_.name)
    for reference in missing:
        change = by_hand(document, f"Define {reference.name}, or virsh nwfilter-edit {filter_.name}")
        message = f"draws in {reference.name}, which is not defined"
        yield failed(subject, message, change, evidence=[filter_.cite(reference.line)], state=State.ON_DISK)
    if circles:
        change = by_hand(document, f"virsh nwfilter-edit {filter_.name}: take the reference out that leads back")
        yield failed(subject, "draws in itself", change, evidence=[filter_.cite()], state=State.ON_DISK)
    if not missing and not circles:
        yield passed(subject, "all that it draws in is defined", filter_.cite(), state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("define-network-filter",),
    check=check,
)
