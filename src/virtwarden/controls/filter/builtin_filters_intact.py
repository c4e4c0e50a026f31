"""libvirt's own network filters say what they said when they came with the package.

Guests refer to these filters by name, and everybody takes the name for what it stands for. One rule taken out
of no-mac-spoofing unlocks every guest of the host at once, and no guest's definition shows it.

Judged: each defined filter that has the name of one of libvirt's, against the package's copy in
/usr/share/libvirt/nwfilter, or against what libvirt is known to ship where there is no copy. Spelling, comments
and uuids do not count. Without a copy, a filter that differs may also be that of a much older libvirt.

Fix: define the package's copy again; all running guests that use it get it at once.

Proof: see spoofing-stopped-before-learning.
"""

import re
from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace
from virtwarden.facts.builtin_filters import DIGESTS, digest
from virtwarden.facts.nwfilters import NwFilter, NwFilters
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Change, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    filters = host.get(NwFilters)
    found = [filter_ for filter_ in filters.filters.values() if filter_.name in DIGESTS]
    for filter_ in found:
        yield from judged(filter_, filters.packaged.get(filter_.name))
    filters.complete()
    if not found:
        yield notapplicable(HOST, "none of libvirt's own network filters is defined")


def judged(filter_: NwFilter, packaged: NwFilter | None) -> Iterator[Finding]:
    subject, state = Subject("nwfilter", filter_.name), State.ON_DISK
    original = DIGESTS[filter_.name] if packaged is None else digest(packaged)
    if digest(filter_) == original:
        evidence = [filter_.cite()] if packaged is None else [filter_.cite(), packaged.cite()]
        yield passed(subject, "says what libvirt's package says", *evidence, state=state)
    elif packaged is None:
        message = "differs from what libvirt ships today, and the package's copy is not here"
        yield unknown(subject, message, filter_.cite(), state=state)
    else:
        change = Change(Document("nwfilter", filter_.name), Replace(with_uuid(packaged, filter_)))
        message = "differs from the package's copy"
        yield failed(subject, message, change, evidence=[filter_.cite(), packaged.cite()], state=state)


def with_uuid(packaged: NwFilter, defined: NwFilter) -> str:
    """The package's text with the uuid that libvirt knows the filter by, without which it refuses to redefine."""
    uuid = (defined.xml.findtext("uuid") or "").strip()
    opened = re.search(r"<filter\b[^>]*>", packaged.text.text)
    if opened is None or re.fullmatch(r"[0-9a-fA-F-]{36}", uuid) is None:
        return packaged.text.text
    at = opened.end()
    return f"{packaged.text.text[:at]}\n  <uuid>{uuid}</uuid>{packaged.text.text[at:]}"


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("network-filter-driver",),
    check=check,
)
