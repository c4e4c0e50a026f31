"""What a guest writes to its console and log takes a bounded part of the host's disk.

A guest decides how much its serial console says, and QEMU what it puts in the guest's log. Where QEMU writes
these files itself, they grow until the file system is full, and with it the host stops to log, to audit and to
start guests. virtlogd writes them instead, and begins a new file when one is full.

Judged: `stdio_handler` in qemu.conf, which should be `logd`; in virtlogd.conf `max_size`, which should not be 0,
and how much that and `max_backups` let a single log take, which should be no more than 1 GiB. libvirt before
1.3.0 has no virtlogd.

Fix: set `stdio_handler = "logd"`, `max_size` and `max_backups` to libvirt's own values. Guests take the first at
their next start.

Proof: a throw-away guest writes more than `max_size` to its serial console; its log is rolled over and no more
than `max_backups` old files are kept.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import SetConf
from virtwarden.facts.capacity import size
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import PATH, QemuConf
from virtwarden.facts.virtlogd import PATH as LOGD_PATH
from virtwarden.facts.virtlogd import VirtlogdConf
from virtwarden.host import Host
from virtwarden.judgements import by_hand, failed, file_change, passed
from virtwarden.model import Document, Finding, Severity, State, Subject

_MOST = 1 << 30
_SIZE, _BACKUPS = 2 << 20, 3


def check(host: Host) -> Findings:
    libvirt = host.get(Libvirt)
    conf = host.get(QemuConf)
    subject = Subject("setting", "stdio_handler")
    if libvirt.at_least(1, 3, 0) is False:
        change = by_hand(
            Document("file", "/etc/logrotate.d/libvirtd.qemu"), "bound the logs with logrotate's size"
        )
        message = "libvirt before 1.3.0 has no virtlogd: QEMU writes its logs without bound"
        yield failed(subject, message, change, evidence=libvirt.evidence, state=State.ON_DISK)
        return
    evidence = conf.cite("stdio_handler")
    if conf.stdio_handler == "logd":
        yield passed(subject, "virtlogd writes the guests' logs", evidence, state=State.ON_DISK)
        yield _bound(host.get(VirtlogdConf))
        return
    change = file_change(PATH, SetConf("stdio_handler", "logd"))
    message = f"stdio_handler is {conf.stdio_handler}: QEMU writes its logs itself, without bound"
    yield failed(subject, message, change, evidence=[evidence], state=State.ON_DISK)


def _bound(conf: VirtlogdConf) -> Finding:
    subject = Subject("setting", "max_size")
    evidence = (conf.cite("max_size"), conf.cite("max_backups"))
    total = conf.max_size * (conf.max_backups + 1)
    if 0 < total <= _MOST:
        message = f"a log takes {size(total >> 10)} at most"
        return passed(subject, message, *evidence, state=State.ON_DISK)
    fix = [file_change(LOGD_PATH, SetConf("max_size", _SIZE))]
    if conf.max_backups > _BACKUPS:
        fix.append(file_change(LOGD_PATH, SetConf("max_backups", _BACKUPS)))
    message = f"a log may take {size(total >> 10)}" if total > 0 else "max_size is 0: logs are never rolled over"
    return failed(subject, message, *fix, evidence=evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__, doc=__doc__, severity=Severity.MEDIUM, sections=("cgroups-overview",), check=check
)
