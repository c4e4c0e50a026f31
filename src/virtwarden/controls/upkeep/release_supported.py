"""The host's distribution still gets security updates.

Faults of the kernel, QEMU and libvirt that let guests break out are found every year. A release whose time is
over gets no remedy for them, and no other control makes up for that. RHEL 6 and SLES 11, for which the blueprint
was written, are such releases.

Judged: the distribution and its version in os-release, or in the files that came before it, against the day on
which its free updates end, as of the day of the scan. Support that is bought beyond that day is not seen; a
waiver with the contract's end says so. A release that is not in our table is not judged.

Fix: move the guests to a host with a supported release.

Proof: the distribution's life-cycle page lists the release as supported.
"""

from virtwarden.control import Control, Findings
from virtwarden.facts.release import ROLLING, Release
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Severity

FIX = by_hand(
    Document("host", "release"),
    "migrate the guests to a host with a supported release, or upgrade this one; if support was bought, "
    "say so in a waiver that ends with it",
)


def check(host: Host) -> Findings:
    release = host.get(Release)
    here = release.evidence
    ends = release.ends
    if release.id in ROLLING:
        yield notapplicable(HOST, f"{release.name} is renewed all the time and has no end", here)
    elif ends is None:
        yield unknown(HOST, f"until when {release.name} gets security updates is not known here", here)
    elif ends < host.taken_at.date():
        message = f"{release.name} has had no security updates since {ends}"
        yield failed(HOST, message, FIX, evidence=[here])
    else:
        yield passed(HOST, f"{release.name} gets security updates until {ends}", here)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("maintaining-virtual-machines",),
    check=check,
)
