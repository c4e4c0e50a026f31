"""Every setting in libvirt's conf files is one that libvirt knows, and stands there once.

libvirt passes over a key that it does not know and says nothing. The blueprint's own scan turns listen_tcp into
listentcp: whoever copies that believes that a protection is set, and it is not. A key that stands twice is as
good: libvirt takes the first, and people change the last.

Judged: the keys in each conf file below /etc/libvirt against those that libvirt knows there, of all its releases
and of the one that is installed. Keys of network listening do nothing in the file of a daemon that never
listens; only virtproxyd and libvirtd do.

Fix: spell the key right, or take it out; of two equal keys keep one.

Proof: `augtool print /files/etc/libvirt` shows every key that was set.
"""

from collections.abc import Iterator
from difflib import get_close_matches

from virtwarden.control import Control, Findings
from virtwarden.facts.conf_files import ConfFile, ConfFiles
from virtwarden.facts.conf_keys import REMOTE
from virtwarden.formats.virconf import Entry
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Finding, Severity, State, Subject


def check(host: Host) -> Findings:
    known = host.get(ConfFiles)
    for file in known.files:
        wrong = list(problems(file))
        yield from wrong
        if not wrong:
            count = len(file.conf.entries)
            message = f"libvirt knows all {count} settings" if count else "it sets nothing"
            here = file.text.cite(text=f"{count} settings")
            yield passed(Subject("file", file.text.path), message, here, state=State.ON_DISK)
    for evidence in known.unread:
        yield unknown(Subject("file", evidence.path or ""), evidence.text, evidence, state=State.ON_DISK)
    if not known.files and not known.unread:
        yield notapplicable(HOST, "libvirt has no conf files here; its defaults hold")


def problems(file: ConfFile) -> Iterator[Finding]:
    """The findings on keys that are not known, and on keys that are not heeded."""
    repeated = list(file.conf.repeated())
    for entry in file.conf.entries:
        if entry.key not in file.keys:
            yield wrong_key(file, entry, meaning(file, entry.key))
    for entry in repeated:
        first = file.conf.get(entry.key)
        line = first.line if first is not None else 0
        yield wrong_key(file, entry, f"{entry.key} stands in line {line} already, which is the one that counts")


def meaning(file: ConfFile, key: str) -> str:
    """What to say of a key that is not known in this file."""
    if key in REMOTE:
        return f"{key} does nothing in {file.name}; virtproxyd.conf is where it counts"
    close = get_close_matches(key, sorted(file.keys), 1, 0.7)
    return f"libvirt knows no {key} in {file.name}" + (f"; {close[0]} is near" if close else "")


def wrong_key(file: ConfFile, entry: Entry, message: str) -> Finding:
    """The finding on one line."""
    path = file.text.path
    fix = by_hand(Document("file", path), f"line {entry.line}: put the key right or take the line out")
    here = file.text.cite(entry.line)
    return failed(Subject("file", path), message, fix, evidence=[here], state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("maintaining-virtual-machines",),
    check=check,
)
