"""Reports to render: one of a plausible host, one whose every text is hostile, and ones of any size."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from virtwarden.edits import Do, InsertElement, Replace, SetAttribute, SetConf, SetMode, SetState
from virtwarden.model import (
    HOST,
    Change,
    Document,
    Evidence,
    Finding,
    Outcome,
    Report,
    Result,
    Safety,
    Severity,
    State,
    Subject,
    Waiver,
)

NOW = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)
QEMU_CONF = Document("file", "/etc/libvirt/qemu.conf")
NO_LIBVIRT_TLS = "libvirt does not listen for TLS on this host"


def report() -> Report:
    """A host with a little of everything."""
    return Report(
        host="kvm7.example.net",
        source="ssh://root@kvm7.example.net",
        taken_at=NOW,
        version="0.1.0",
        profile="baseline",
        outcomes=(
            _listeners(),
            _kernel(),
            _seccomp(),
            _filters(),
            *_storage(),
            *_remote(),
            _vnc(),
            _labels(),
            _audit(),
        ),
        waivers=(
            Waiver(
                "images-private",
                "the backup agent reads it until the move",
                "storage team",
                date(2026, 6, 30),
                "/var/lib/libvirt/images/db.qcow2",
            ),
            Waiver("audit-rules-immutable", "rules were still in flux", "ops", date(2026, 1, 31)),
        ),
    )


def _listeners() -> Outcome:
    evidence = Evidence('0.0.0.0:111 users:(("rpcbind",pid=611,fd=4))', argv=("ss", "-tulnp"), code=0, at=NOW)
    stop = Change(Document("unit", "rpcbind.socket"), SetState("disabled"), Safety.DISRUPTIVE)
    return Outcome(
        "listeners-expected",
        "Only daemons that the site expects listen for the network",
        "tcb",
        Severity.HIGH,
        ("trusted-computing-base",),
        (
            Finding(
                Subject("listener", "tcp/111"), Result.FAIL, "rpcbind listens on 0.0.0.0:111", (stop,), (evidence,)
            ),
            Finding(Subject("listener", "tcp/22"), Result.PASS, "sshd is expected"),
        ),
    )


def _kernel() -> Outcome:
    refused = Finding(HOST, Result.UNKNOWN, "/sys/kernel/security/lockdown: permission denied")
    return Outcome("kernel-lockdown", "The kernel is locked down", "tcb", Severity.MEDIUM, (), (refused,))


def _seccomp() -> Outcome:
    subject, line = Subject("setting", "seccomp_sandbox"), Evidence("", path=QEMU_CONF.name, at=NOW)
    finding = Finding(subject, Result.PASS, "seccomp_sandbox is not set", (), (line,), State.ON_DISK)
    return Outcome("qemu-seccomp-on", "QEMU runs inside its seccomp sandbox", "tcb", Severity.HIGH, (), (finding,))


def _filters() -> Outcome:
    def finding(name: str, line: int) -> Finding:
        cited = Evidence("<interface type='bridge'>", path=f"/etc/libvirt/qemu/{name}.xml", line=line, at=NOW)
        change = Change(
            Document("domain", name),
            InsertElement("devices/interface[1]", "<filterref filter='clean-traffic'/>"),
            Safety.DISRUPTIVE,
        )
        message = f"nothing keeps {name} from using another guest's addresses on vnet{line}"
        return Finding(Subject("guest", name), Result.FAIL, message, (change,), (cited,), State.ON_DISK)

    return Outcome(
        "interface-filtered",
        "Every bridged interface has a filter against spoofing",
        "filter",
        Severity.HIGH,
        ("restrict-mac-spoofing",),
        tuple(finding(name, 40 + place) for place, name in enumerate(GUESTS)),
    )


GUESTS = ("web", "db", "mail", "ldap", "build", "ci-runner")


def _storage() -> tuple[Outcome, ...]:
    def image(name: str, mode: int) -> Finding:
        path = f"/var/lib/libvirt/images/{name}.qcow2"
        cited = Evidence(f"file {mode:04o} root:root", path=path, at=NOW)
        change = Change(Document("file", path), SetMode(0o600, "root", "root"))
        return Finding(
            Subject("image", path), Result.FAIL, f"everybody may read it: {mode:04o}", (change,), (cited,)
        )

    private = Outcome(
        "images-private",
        "Disk images can be read by nobody but QEMU",
        "storage",
        Severity.MEDIUM,
        ("storage-default",),
        (image("web", 0o644), image("db", 0o644)),
    )
    defect = Evidence("raised here", path="virtwarden.controls.storage.images_probed", line=31)
    message = "a defect in virt-warden kept this from being judged: KeyError: 'driver'"
    probed = Outcome(
        "image-format-stated",
        "The format of every image is stated",
        "storage",
        Severity.LOW,
        (),
        (
            Finding(HOST, Result.ERROR, message, evidence=(defect,)),
            Finding(Subject("guest", "web"), Result.PASS, "vda is qcow2"),
        ),
    )
    return private, probed


def _remote() -> tuple[Outcome, ...]:
    names = ("tls-client-certificates", "tls-names-listed", "tls-keys-private")
    titles = ("Clients show a certificate", "Only listed names may manage the host", "TLS keys are private")
    return tuple(
        Outcome(name, title, "remote", Severity.HIGH, (), (Finding(HOST, Result.NOTAPPLICABLE, NO_LIBVIRT_TLS),))
        for name, title in zip(names, titles, strict=True)
    )


def _vnc() -> Outcome:
    fix = (Change(QEMU_CONF, SetConf("vnc_tls", 1)), Change(QEMU_CONF, SetConf("vnc_tls_x509_verify", 1)))

    def finding(name: str, port: int) -> Finding:
        text = f"<graphics type='vnc' port='{port}' listen='0.0.0.0'/>"
        cited = Evidence(text, path=f"/run/libvirt/qemu/{name}.xml", line=61, at=NOW)
        message = f"VNC is in the clear on 0.0.0.0:{port}"
        return Finding(Subject("guest", name), Result.FAIL, message, fix, (cited,), State.IN_FORCE)

    local = Finding(Subject("guest", "ldap"), Result.PASS, "VNC listens on this host only", state=State.IN_FORCE)
    return Outcome(
        "vnc-requires-tls",
        "VNC consoles that can be reached from the network require TLS and a client certificate",
        "console",
        Severity.HIGH,
        ("vnc-tls",),
        (*(finding(name, 5900 + place) for place, name in enumerate(GUESTS[:5])), local),
    )


def _labels() -> Outcome:
    relabel = Change(Document("domain", "db"), SetAttribute("seclabel", "type", "dynamic"), Safety.DISRUPTIVE)
    static = Evidence("<seclabel type='static' model='selinux'>", path="/etc/libvirt/qemu/db.xml", line=12, at=NOW)
    return Outcome(
        "labels-dynamic",
        "Guests get a label of their own at every start",
        "svirt",
        Severity.MEDIUM,
        (),
        (
            Finding(
                Subject("guest", "db"), Result.FAIL, "its label is static", (relabel,), (static,), State.ON_DISK
            ),
            *(Finding(Subject("guest", name), Result.PASS, "its label is dynamic") for name in ("web", "mail")),
        ),
    )


def _audit() -> Outcome:
    rules = Document("file", "/etc/audit/rules.d/99-finalize.rules")
    fix = (
        Change(rules, Replace("# The rules cannot be changed until the next boot.\n-e 2\n")),
        Change(HOST_BY_HAND, Do("reboot, for rules that are locked stay as they are"), Safety.MANUAL),
    )
    seen = Evidence("enabled 1", argv=("auditctl", "-s"), code=0, at=NOW)
    finding = Finding(
        HOST, Result.FAIL, "the rules can be changed while the host runs", fix, (seen,), State.IN_FORCE
    )
    return Outcome(
        "audit-rules-immutable",
        "Audit rules cannot be changed until the next boot",
        "audit",
        Severity.LOW,
        (),
        (finding,),
    )


HOST_BY_HAND = Document("host", "kvm7.example.net")

LONG = "n" * 40_000

HOSTILE = (
    "\x1b[31mred\x1b]0;title\x07",
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-1",
    "@SUM(A1)",
    "\t=1+1",
    "\r\n=1+1",
    "a\u202eb\u2066c",
    "\ufeff\u200b",
    "nul\0, del\x7f, c1\x9b, nel\x85",
    "byte \udcff, half \ud800, not \ufffe",
    "two\nlines\r\nmore",
    "]]>&amp;<![CDATA[",
    "{{ 7 * 7 }}{% raw %}",
    "[bold]rich[/bold][/]:smile:",
    "\u2028line\u2029",
    LONG,
    "名前\u3000\uff45",
    "__import__",
    " ",
    "",
    "=cmd|' /C calc'!A0",
    "`${x}`",
    "</details></script><!--",
    "%s%n {0}",
    "../../etc/passwd",
    "\uff1d1+1",
)


def hostile() -> Report:
    """A report in which everything a host or a policy can name is chosen by an enemy."""
    outcomes = tuple(
        Outcome(
            f"control-{place}" if place else "vnc-requires-tls",
            f"title {text}",
            "console",
            Severity.HIGH,
            (text,),
            tuple(_hostile_finding(each, result) for each in HOSTILE for result in Result),
        )
        for place, text in enumerate(HOSTILE[:3])
    )
    waivers = tuple(
        Waiver("vnc-requires-tls", text, text, date(2026, 1 + place % 5, 2), text)
        for place, text in enumerate(HOSTILE)
        if text
    )
    return Report(HOSTILE[0], HOSTILE[1], NOW, "0.1.0", HOSTILE[3], outcomes, waivers)


def _hostile_finding(text: str, result: Result) -> Finding:
    evidence = (
        Evidence(text, path=f"/etc/libvirt/qemu/{text}.xml", line=1, at=NOW),
        Evidence(text, argv=("qemu-img", "info", text), code=1),
    )
    fix = (
        Change(Document("domain", text), SetAttribute(text, text, text)),
        Change(Document("file", text), Replace(text), Safety.MANUAL),
        Change(Document("file", "/etc/libvirt/qemu.conf"), SetConf(text, (text, text)), Safety.DISRUPTIVE),
    )
    return Finding(Subject("guest", text), result, f"it is called {text}", fix, evidence, State.IN_FORCE)


def big(guests: int = 2000, controls: int = 80) -> Report:
    """A host of many guests, a third of whose findings fail."""
    chapters = (
        "tcb",
        "network",
        "filter",
        "storage",
        "remote",
        "console",
        "svirt",
        "limits",
        "encryption",
        "audit",
    )
    outcomes = tuple(
        Outcome(
            f"thing-{number}-property",
            f"The wanted condition number {number} holds for every guest",
            chapters[number % len(chapters)],
            list(Severity)[number % 4],
            (),
            tuple(_big_finding(number, guest) for guest in range(guests)),
        )
        for number in range(controls)
    )
    return Report("kvm-big", "this host", NOW, "0.1.0", "baseline", outcomes)


def _big_finding(number: int, guest: int) -> Finding:
    name = f"guest-{guest:04}"
    result = (Result.FAIL, Result.PASS, Result.PASS)[(number + guest) % 3]
    cited = Evidence(
        f"<graphics type='vnc' port='{5900 + guest}' listen='0.0.0.0'/>",
        path=f"/etc/libvirt/qemu/{name}.xml",
        line=1 + guest % 90,
        at=NOW + timedelta(milliseconds=guest),
    )
    fix = (Change(QEMU_CONF, SetConf("vnc_tls", 1)),) if result is Result.FAIL else ()
    message = f"VNC is in the clear on 0.0.0.0:{5900 + guest}"
    return Finding(Subject("guest", name), result, message, fix, (cited,), State.ON_DISK)
