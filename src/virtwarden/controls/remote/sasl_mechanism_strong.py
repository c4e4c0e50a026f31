"""SASL offers only mechanisms that are not broken.

The blueprint's DIGEST-MD5 is retired (RFC 6331) and needs the passwords in the clear on the host; PLAIN and LOGIN
hand the password over, ANONYMOUS asks for none. A client takes what is offered, so one weak mechanism
in the list is enough. Without `mech_list` every mechanism that is installed is offered.

Judged: `mech_list` in SASL's conf file for libvirt where one of its sockets or ports asks for SASL, and in the
one for QEMU where consoles do. Where the policy's `remote.sasl_over_tls` has TLS clients log in, its mechanism
has to be there.

Fix: offer `scram-sha-256`, which libvirt takes over TLS and its UNIX sockets alone, or `gssapi` where the policy's
`remote.sasl_mechanism` says that there is Kerberos. Users of the old mechanism need new credentials: `virt-warden sasl
add`.

Proof: `virt-warden prove remote --user NAME`: no broken mechanism is offered, and who has an account is let in by one
that is.
"""

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.edits import SetLine
from virtwarden.facts.policy import Policy
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.facts.remote import Remote, asks_for_sasl
from virtwarden.facts.sasl import Sasl
from virtwarden.facts.unix_sockets import Access, UnixSockets
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import failed, file_change, notapplicable, passed, unknown
from virtwarden.model import HOST, Evidence, Safety, Severity, State, Subject

WEAK = {"digest-md5", "cram-md5", "plain", "login", "anonymous", "ntlm", "otp", "passdss-3des-1", "kerberos_v4"}


def check(host: Host) -> Findings:
    used = False
    for service, find in (("libvirt", _used_by_libvirt), ("qemu", _used_by_qemu)):
        subject = Subject("service", service)
        try:
            reasons = list(find(host))
            if reasons:
                used = True
                yield from _judged(host, subject, reasons)
        except Unknown as refused:
            used = True
            yield unknown(subject, str(refused), *refused.evidence, state=State.ON_DISK)
    if not used:
        yield notapplicable(HOST, "nothing asks for SASL")


def _used_by_libvirt(host: Host) -> Iterator[Evidence]:
    for socket in host.get(UnixSockets).sockets:
        if isinstance(socket.access, Access) and socket.access.authentication == "sasl":
            yield socket.access.evidence[0]
    try:
        daemons = host.get(Remote).daemons
    except Absent:
        return
    for daemon in daemons:
        yield from asks_for_sasl(host, daemon)


def _used_by_qemu(host: Host) -> Iterator[Evidence]:
    conf = host.get(QemuConf)
    yield from (conf.cite(key) for key in ("vnc_sasl", "spice_sasl") if getattr(conf, key))


def _judged(host: Host, subject: Subject, reasons: list[Evidence]) -> Findings:
    conf, policy = host.get(Sasl).of(subject.name), host.get(Policy).remote
    listed, mechanisms = conf.get("mech_list"), conf.mechanisms
    evidence = (conf.evidence if listed is None else listed.evidence, *reasons)
    fix = file_change(conf.path, SetLine("mech_list", policy.sasl_mechanism, ": "), Safety.DISRUPTIVE)
    if mechanisms is None:
        message = "mech_list is not set: every mechanism that is installed is offered"
        yield failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
        return
    weak = [mechanism for mechanism in mechanisms if mechanism in WEAK]
    missing = policy.sasl_over_tls and subject.name == "libvirt" and policy.sasl_mechanism not in mechanisms
    if weak:
        yield failed(subject, f"offers {', '.join(weak)}", fix, evidence=evidence, state=State.ON_DISK)
    elif missing:
        message = (
            f"offers {', '.join(mechanisms) or 'nothing'}, and not {policy.sasl_mechanism} as the policy wants"
        )
        yield failed(subject, message, fix, evidence=evidence, state=State.ON_DISK)
    else:
        yield passed(subject, f"offers {', '.join(mechanisms) or 'nothing'}", *evidence, state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("sasl-authentication",),
    check=check,
)
