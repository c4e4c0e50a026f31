"""On a host with systemd, systemd alone makes and mounts control groups.

The blueprint defines groups in libcgroup's files, moves processes into them and mounts hierarchies below
/cgroup. systemd owns the tree today and takes a second writer's groups away, or moves a guest's process out of
the group that libvirt limits; a controller that is mounted below /cgroup is missing where libvirt looks for
it. Of the files that the blueprint names, /etc/cgroups.conf never was one that anything reads: groups that are
defined there limit nothing.

Judged: where systemd runs the host, /etc/cgconfig.conf, /etc/cgconfig.d and /etc/cgrules.conf, which should
define nothing, and no /etc/cgroups.conf; the mounts of control groups, which should lie below /sys/fs/cgroup,
in /etc/fstab and now.

Fix: take the definitions out, and say the same with slices (`MemoryMax=`, `CPUQuota=`, `TasksMax=`) or in the
guests' XML; unmount what is mounted elsewhere.

Proof: `systemd-cgls` shows every guest below machine.slice, and `/proc/self/mounts` no group outside of
/sys/fs/cgroup.
"""

from collections.abc import Iterable

from virtwarden.control import Control, Findings
from virtwarden.edits import Replace
from virtwarden.facts.libcgroup import CGROUPS_CONF, Definitions, LibcgroupFiles
from virtwarden.facts.mounts import Mounts, Table
from virtwarden.host import Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Document, Evidence, Finding, Severity, State, Subject

_ROOT = "/sys/fs/cgroup"


def check(host: Host) -> Findings:
    files = host.get(LibcgroupFiles)
    if files.systemd is None:
        yield notapplicable(HOST, "systemd does not run this host; libcgroup's files are the ones to use")
        return
    yield from _defined(files, files.systemd)
    mounts = host.get(Mounts)
    yield _mounted(mounts.configured, State.ON_DISK)
    yield _mounted(mounts.live, State.IN_FORCE)


def _defined(files: LibcgroupFiles, systemd: Evidence) -> Iterable[Finding]:
    for found in files.definitions:
        yield _file(found)
    for path, refused in files.refused.items():
        yield unknown(Subject("file", path), str(refused), *refused.evidence, state=State.ON_DISK)
    if not (files.definitions or files.refused):
        yield passed(HOST, "libcgroup has no files here", systemd, state=State.ON_DISK)


def _file(found: Definitions) -> Finding:
    subject = Subject("file", found.path)
    if not found.count and found.path != CGROUPS_CONF:
        return passed(subject, "it defines nothing", found.evidence, state=State.ON_DISK)
    if found.path == CGROUPS_CONF:
        change = file_change(found.path, Replace(None))
        return failed(subject, "nothing reads this file", change, evidence=[found.evidence], state=State.ON_DISK)
    steps = "say the same in slices or the guests' XML, then take the definitions out of this file"
    message = f"it defines {found.count} groups, mounts or rules in systemd's tree"
    change = by_hand(Document("file", found.path), steps)
    return failed(subject, message, change, evidence=[found.evidence], state=State.ON_DISK)


def _mounted(table: Table | Unknown, state: State) -> Finding:
    if isinstance(table, Unknown):
        return unknown(HOST, f"where control groups are mounted: {table}", *table.evidence, state=state)
    rows = [row for row in table.rows if row.kind in ("cgroup", "cgroup2")]
    astray = [row for row in rows if row.target != _ROOT and not row.target.startswith(_ROOT + "/")]
    if not astray:
        evidence = table.cite(rows[0]) if rows else table.text.cite(text="no control groups")
        return passed(HOST, f"no control groups are mounted outside of {_ROOT}", evidence, state=state)
    targets = ", ".join(row.target for row in astray)
    document = Document("file", "/etc/fstab") if state is State.ON_DISK else Document("mount", targets)
    change = by_hand(document, f"umount {targets.replace(',', '')}, and take out what mounts it")
    evidences = [table.cite(row) for row in astray]
    return failed(HOST, f"control groups are mounted at {targets}", change, evidence=evidences, state=state)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("cgroups-libcgroup", "cgroups-define", "cgroups-add-tasks", "cgroups-hierarchy"),
    check=check,
)
