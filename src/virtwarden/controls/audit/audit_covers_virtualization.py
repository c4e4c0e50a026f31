"""Audit rules watch libvirt's settings, keys, images, programs and runtime files.

The blueprint's rules did that for RHEL 6: one emulator path, one daemon, the certificates of two directories.
Files have moved since, daemons have multiplied, and its most costly rule recorded every write of every guest.
What matters is that each thing that exists on this host is watched.

Judged: for every file and directory of the list that exists here, whether some rule on disk records the ways
of access that matter (writes, reads of private keys, starts of programs by people).

Fix: rules for what is missing, in a file of our own in rules.d, with the blueprint's keys.

Proof: each rule is fired once, harmlessly, and its record is found by its key.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.control import Control, Findings
from virtwarden.edits import AddLine
from virtwarden.facts.audit import AuditRules, RulesFile
from virtwarden.formats.auditrules import Rule
from virtwarden.host import Absent, Host, Stat, Unknown, looking
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Severity, State, Subject

_OWN = "/etc/audit/rules.d/45-virtwarden-virt.rules"


@dataclass(frozen=True, slots=True)
class _Watched:
    """A path, the ways of access to record, and the blueprint's key for it."""

    path: str
    perm: str
    key: str


_DAEMONS = ("libvirtd", "virtqemud", "virtproxyd", "virtnetworkd", "virtsecretd", "virtstoraged", "virtnwfilterd")
_EMULATORS = ("/usr/libexec/qemu-kvm", "/usr/bin/qemu-kvm", "/usr/bin/qemu-system-x86_64", "/usr/bin/kvm")
_LIST = (
    _Watched("/etc/libvirt", "wa", "virt_libvirt_cfg"),
    _Watched("/etc/sysconfig/libvirtd", "wa", "virt_libvirt_cfg"),
    _Watched("/etc/default/libvirtd", "wa", "virt_libvirt_cfg"),
    _Watched("/etc/sasl2/libvirt.conf", "wa", "virt_libvirt_cfg"),
    _Watched("/etc/sasl2/qemu.conf", "wa", "virt_libvirt_cfg"),
    _Watched("/etc/pki/CA/cacert.pem", "wa", "virt_tls_cert"),
    _Watched("/etc/pki/libvirt", "wa", "virt_tls_cert"),
    _Watched("/etc/pki/libvirt-vnc", "wa", "virt_tls_cert"),
    _Watched("/etc/pki/libvirt-spice", "wa", "virt_tls_cert"),
    _Watched("/etc/pki/qemu", "wa", "virt_tls_cert"),
    _Watched("/etc/pki/libvirt/private/serverkey.pem", "r", "virt_tls_privkey"),
    _Watched("/etc/pki/libvirt-vnc/server-key.pem", "r", "virt_tls_privkey"),
    _Watched("/etc/pki/libvirt-spice/server-key.pem", "r", "virt_tls_privkey"),
    _Watched("/var/lib/libvirt/images", "wa", "virt_image_change"),
    _Watched("/var/lib/libvirt/qemu", "wa", "virt_runtime_change"),
    _Watched("/var/log/libvirt", "wa", "virt_log_change"),
    *(_Watched(f"/usr/sbin/{daemon}", "x", "virt_libvirtd_exec") for daemon in _DAEMONS),
    *(_Watched(emulator, "x", "virt_qemu_exec") for emulator in _EMULATORS),
)


def check(host: Host) -> Findings:
    rules = list(_recording(host.get(AuditRules)))
    host.source.fetch(looking(each.path) for each in _LIST)
    found = False
    for each in _LIST:
        subject = Subject("file", each.path)
        try:
            stat = host.source.stat(each.path)
        except Absent:
            continue
        except Unknown as refused:
            found = True
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
            continue
        found = True
        covering = [(file, rule) for file, rule in rules if _covers(rule, each, stat)]
        if covering:
            evidence = [file.cite(rule.line) for file, rule in covering[:3]]
            yield passed(subject, f"{_words(each.perm)} are recorded", *evidence, state=State.ON_DISK)
        else:
            change = file_change(_OWN, AddLine(_rule(each, stat)))
            message = f"{_words(each.perm)} are not recorded"
            yield failed(subject, message, change, evidence=[stat.cite()], state=State.ON_DISK)
    if not found:
        yield notapplicable(HOST, "there is no libvirt here to watch", state=State.ON_DISK)


def _recording(rules: AuditRules) -> Iterator[tuple[RulesFile, Rule]]:
    for file, rule in rules.in_order():
        if rule.action == "always" and rule.list == "exit" and rule.target and rule.verb != "delete":
            yield file, rule


def _covers(rule: Rule, each: _Watched, stat: Stat) -> bool:
    target = (rule.target or "").rstrip("/")
    whole_tree = rule.get("path") is None
    names = {each.path, stat.real}
    here = target in names or (whole_tree and any(name.startswith(target + "/") for name in names))
    return here and set(each.perm) <= set(rule.get("perm") or "rwxa") and rule.get("success") is None


def _rule(each: _Watched, stat: Stat) -> str:
    kind = "dir" if stat.kind == "dir" else "path"
    return f"-a always,exit -F arch=b64 -F {kind}={each.path} -F perm={each.perm} -F key={each.key}"


def _words(perm: str) -> str:
    return {"wa": "changes", "r": "reads", "x": "starts"}[perm]


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=(
        "auditing-overview",
        "audit-rules-file",
        "audit-tls-keys",
        "audit-libvirt-configuration",
        "audit-environment-changes",
    ),
    check=check,
)
