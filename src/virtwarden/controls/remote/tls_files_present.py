"""The settings that name certificates, keys and their folders name what is there.

A host whose libvirt does not start after the next update is a host that nobody manages. libvirt wants certificate, key
and authority named together or not at all, and refuses a qemu.conf that names a folder which does not exist; both show
only when the daemon starts anew. The identity of all zeros, as the packaged file has it, opens no encrypted key.

Judged: `ca_file`, `cert_file` and `key_file` of the daemon that listens: all or none; each `_tls_x509_cert_dir` in
qemu.conf: the folder is there; each `_tls_x509_secret_uuid`: it is not all zeros.

Fix: an identity of all zeros is taken out. Files and folders are for a person, or for `virt-warden pki install`.

Proof: the daemon starts anew, and its log has no complaint of a file.
"""

from virtwarden.control import Control, Findings
from virtwarden.edits import RemoveLine
from virtwarden.facts.qemu_conf import PATH, QEMU_CONF, QemuConf
from virtwarden.facts.remote import Remote, RemoteDaemon
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, file_change, passed, unknown
from virtwarden.model import Document, Finding, Severity, State, Subject

TRIO = ("ca_file", "cert_file", "key_file")
SERVICES = ("default", "vnc", "spice", "chardev", "migrate", "backup", "nbd", "vxhs")


def check(host: Host) -> Findings:
    conf = host.get(QemuConf)
    for daemon in host.get(Remote).daemons:
        yield _trio(daemon)
    for service in SERVICES:
        key = f"{service}_tls_x509_cert_dir"
        if conf.file.sets(key):
            yield _directory(host, conf, key)
        key = f"{service}_tls_x509_secret_uuid"
        value = conf.file.conf.get(key)
        if value is not None:
            yield _secret(conf, key, str(value.value))


def _trio(daemon: RemoteDaemon) -> Finding:
    subject = Subject("daemon", daemon.name)
    try:
        conf = daemon.conf
    except Unknown as refused:
        return unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
    missing = [key for key in TRIO if not getattr(conf, key)]
    evidence = [conf.cite(key) for key in TRIO]
    if missing and len(missing) < len(TRIO):
        fix = by_hand(
            Document("file", conf.path), f"name {' and '.join(missing)} too, or none of {', '.join(TRIO)}"
        )
        message = f"does not offer TLS, as {' and '.join(missing)} is not set beside the others"
        return failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
    shown = "the usual places" if missing else "all three files that are named"
    return passed(subject, f"takes its certificates from {shown}", *evidence, state=State.ON_DISK)


def _directory(host: Host, conf: QemuConf, key: str) -> Finding:
    subject, place = Subject("setting", key), _given(conf, key)
    try:
        found = host.source.stat(place)
    except Absent:
        steps = f"make {place} with its certificates (virt-warden pki install), or take the line out"
        message = f"{place} does not exist: the daemon that runs guests does not start with this"
        fix = by_hand(QEMU_CONF, steps)
        return failed(subject, message, fix, evidence=[conf.cite(key)], state=State.ON_DISK)
    except Unknown as refused:
        return unknown(subject, str(refused), conf.cite(key), *refused.evidence, state=State.ON_DISK)
    return passed(subject, f"{place} is there", conf.cite(key), found.cite(), state=State.ON_DISK)


def _given(conf: QemuConf, key: str) -> str:
    entry = conf.file.conf.get(key)
    return "" if entry is None else str(entry.value)


def _secret(conf: QemuConf, key: str, value: str) -> Finding:
    subject, cited = Subject("setting", key), conf.cite(key)
    if value.strip("0-"):
        return passed(subject, "names a secret of libvirt", cited, state=State.ON_DISK)
    fix = file_change(PATH, RemoveLine(key))
    return failed(subject, "is all zeros, which is no secret", fix, evidence=[cited], state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.LOW,
    sections=("tls-step-3-server-files", "tls-step-5-daemon"),
    check=check,
)
