"""No disk's cache drops what the guest has asked to be made durable.

With `cache='unsafe'` QEMU answers each flush at once and does nothing. When the host loses power the guest
loses what it was told is safe: its file system, its database, and with them the log entries that would show
what happened before. It is meant for installations that can be repeated.

Judged: `cache` of `<driver>` on each disk, on disk and in force.

Fix: `none`, which leaves flushing to the guest and the host's page cache out of it. The guest takes it at its
next start.

Proof: the running guest's block device has the cache flag `no-flush` off.
"""

from __future__ import annotations

from virtwarden.control import Control, Findings
from virtwarden.edits import SetAttribute
from virtwarden.facts.guests import Guests
from virtwarden.host import Host
from virtwarden.judgements import failed, notapplicable, passed
from virtwarden.model import Change, Document, Safety, Severity, Subject


def check(host: Host) -> Findings:
    for guest in host.get(Guests):
        for definition in guest.definitions:
            if not definition.disks:
                yield notapplicable(Subject("guest", guest.name), "it has no disk", state=definition.state)
            for number, disk in enumerate(definition.disks, 1):
                subject = Subject("guest", f"{guest.name} {disk.target}")
                cited = definition.cite(disk.line)
                if disk.cache != "unsafe":
                    message = f"its cache is {disk.cache or 'the default'}"
                    yield passed(subject, message, cited, state=definition.state)
                    continue
                edit = SetAttribute(f"devices/disk[{number}]/driver", "cache", "none")
                change = Change(Document("domain", guest.name), edit, Safety.DISRUPTIVE)
                message = "its cache is unsafe: flushes are dropped"
                yield failed(subject, message, change, evidence=[cited], state=definition.state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    check=check,
)
