"""From findings to a plan: whole or not at all, each document once, contradictions told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pytest

from tests.kit import NOW, Made, entry
from virtwarden.activations import Daemons, activations_of, cuts, takes_effect
from virtwarden.edits import (
    AddLine,
    Do,
    Edit,
    InsertElement,
    RemoveLine,
    Replace,
    SetAttribute,
    SetConf,
    SetLine,
    SetMode,
    SetState,
)
from virtwarden.host import Absent, Host, Stat, Unknown
from virtwarden.model import (
    HOST,
    Change,
    Document,
    Finding,
    Outcome,
    Plan,
    Report,
    Result,
    Safety,
    Severity,
    State,
    Waiver,
)
from virtwarden.places import order_of, path_of
from virtwarden.plan import BY_HAND, make

QEMU = "/etc/libvirt/qemu.conf"
LIBVIRTD = "/etc/libvirt/libvirtd.conf"


def change(path: str, edit: Edit, safety: Safety = Safety.SAFE) -> Change:
    return Change(Document("file", path), edit, safety)


def fails(control: str, *fix: Change, state: State | None = State.ON_DISK) -> Outcome:
    finding = Finding(HOST, Result.FAIL, "it fails", fix, (), state)
    return Outcome(control, control, "tcb", Severity.HIGH, (), (finding,))


def planned(
    *outcomes: Outcome,
    files: Mapping[str, str | bytes | Unknown | Absent] | None = None,
    stats: Mapping[str, Stat | Unknown] | None = None,
    waivers: tuple[Waiver, ...] = (),
    root: str = "/",
    safest: Safety = Safety.DISRUPTIVE,
) -> Plan:
    source = Made({QEMU: "a = 1\n", LIBVIRTD: "", **(files or {})}, stats or {})
    report = Report("kvm1", "made", NOW, "0", "baseline", tuple(outcomes), waivers)
    return make(Host(source), source, report, root, safest=safest)


def test_edits_of_one_document_are_one_rewrite_and_equal_ones_are_made_once() -> None:
    one, two = change(QEMU, SetConf("a", 2)), change(QEMU, SetConf("b", "x"))
    plan = planned(fails("first", one), fails("second", one, two))
    (rewrite,) = plan.rewrites
    assert rewrite.edits == (SetConf("a", 2), SetConf("b", "x"))
    assert rewrite.controls == ("first", "second")
    assert rewrite.diff.splitlines()[2:] == ["@@ -1 +1,2 @@", "-a = 1", "+a = 2", '+b = "x"']
    assert [str(each) for each in plan.activations] == ["restart libvirtd"]
    assert plan.complete
    assert [each.control for each in plan.expected] == ["first", "second"]


def test_a_finding_is_mended_whole_or_not_at_all() -> None:
    by_hand = Change(Document("host", "x"), Do("walk there"), Safety.MANUAL)
    plan = planned(fails("half", by_hand, change(QEMU, SetConf("a", 2))), fails("none"))
    assert plan.rewrites == ()
    half, none = plan.unfixed
    assert (half.why, half.steps) == (BY_HAND, ("walk there", f"{QEMU}: set a = 2"))
    assert none.why == "no change of a document mends this"


def test_what_disturbs_is_left_out_where_only_safe_changes_are_wanted() -> None:
    disruptive = change(QEMU, SetConf("a", 2), Safety.DISRUPTIVE)
    assert planned(fails("x", disruptive)).rewrites[0].safety is Safety.DISRUPTIVE
    plan = planned(fails("x", disruptive), safest=Safety.SAFE)
    assert plan.rewrites == ()
    assert "only safe changes" in plan.unfixed[0].why


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SetConf("a", 2), SetConf("a", 3)),
        (SetConf("a", 2), RemoveLine("a")),
        (SetLine("a", "2"), SetLine("a", "3")),
        (Replace("x = 1\n"), Replace("y = 1\n")),
        (SetMode(owner="root"), SetMode(owner="qemu")),
    ],
)
def test_who_contradicts_another_control_is_told_so(one: Edit, other: Edit) -> None:
    stats = {QEMU: entry(QEMU, owner="bin")}
    plan = planned(fails("first", change(QEMU, one)), fails("second", change(QEMU, other)), stats=stats)
    told = [each.why for each in plan.unfixed]
    assert told
    assert all("contradicts what first asks for" in why or "is to belong to" in why for why in told)


def test_permissions_that_two_controls_want_are_those_that_both_grant() -> None:
    stats = {QEMU: entry(QEMU, mode=0o666)}
    plan = planned(
        fails("first", change(QEMU, SetMode(0o640))), fails("second", change(QEMU, SetMode(0o604))), stats=stats
    )
    assert plan.rewrites[0].edits == (SetMode(0o600),)
    assert plan.rewrites[0].diff == "-mode 0666\n+mode 0600\n"


def test_a_document_that_cannot_be_written_costs_only_who_needs_it() -> None:
    both = (change(QEMU, SetConf("a", 2)), change("/etc/broken.xml", SetAttribute("a", "b", "c")))
    plan = planned(
        fails("both", *both), fails("one", change(LIBVIRTD, SetConf("c", 1))), files={"/etc/broken.xml": "<"}
    )
    assert [each.path for each in plan.rewrites] == [LIBVIRTD]
    assert [each.control for each in plan.unfixed] == ["both"]
    assert "/etc/broken.xml" in plan.unfixed[0].why


def test_what_cannot_be_read_is_never_written() -> None:
    plan = planned(fails("x", change("/etc/hidden", AddLine("a"))), files={"/etc/hidden": Unknown("denied")})
    assert plan.rewrites == ()
    assert plan.unfixed[0].why == "denied"


def test_what_is_so_already_is_no_change() -> None:
    assert planned(fails("x", change(QEMU, SetConf("a", 1)))).rewrites == ()


def test_an_accepted_failure_is_not_mended_and_one_whose_waiver_ended_is() -> None:
    def waived(ends: date) -> Plan:
        return planned(fails("x", change(QEMU, SetConf("a", 2))), waivers=(Waiver("x", "why", "me", ends),))

    assert waived(date(2027, 1, 1)).rewrites == ()
    assert len(waived(date(2020, 1, 1)).rewrites) == 1


def test_a_running_guests_own_numbering_is_not_taken_for_that_of_its_definition() -> None:
    edit = InsertElement("devices/disk[3]", "<x/>")
    plan = planned(fails("x", Change(Document("domain", "web"), edit, Safety.DISRUPTIVE), state=State.IN_FORCE))
    assert plan.rewrites == ()
    assert plan.expected[0].when == "guest web is started anew"


def test_units_are_changed_only_where_they_are() -> None:
    unit = Change(Document("unit", "auditd.service"), SetState("enabled"))
    without = planned(fails("x", unit))
    assert "systemd does not run here" in without.unfixed[0].why
    runs = {"/run/systemd/system": entry("/run/systemd/system", kind="dir")}
    assert "install the package" in planned(fails("x", unit), stats=runs).unfixed[0].why
    there = planned(fails("x", unit), files={"/lib/systemd/system/auditd.service": ""}, stats=runs)
    assert [str(each.document) for each in there.rewrites] == ["unit auditd.service"]


def test_the_kernels_line_is_changed_wherever_it_is_written() -> None:
    files = {
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"\n',
        "/boot/loader/entries/a.conf": "linux /x\noptions root=a\n",
    }
    line = Change(Document("boot", "kernel line"), SetLine("audit", "1", "="), Safety.DISRUPTIVE)
    plan = planned(fails("x", line), files=files)
    assert [each.path for each in plan.rewrites] == ["/boot/loader/entries/a.conf", "/etc/default/grub"]
    assert plan.activations[0].verb == "grub"
    assert planned(fails("x", line), files=files, root="/mnt").activations == ()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (QEMU, ["restart virtqemud"]),
        ("/etc/libvirt/virtlogd.conf", ["reload virtlogd"]),
        ("/etc/libvirt/virtproxyd.conf", ["restart virtproxyd"]),
        ("/etc/sasl2/libvirt.conf", ["restart virtproxyd"]),
        ("/etc/audit/rules.d/9-x.rules", ["audit-rules"]),
        ("/etc/audit/audit.rules", ["audit-rules"]),
        ("/etc/audit/auditd.conf", ["reload auditd"]),
        ("/etc/ssh/sshd_config", ["reload sshd"]),
        ("/etc/systemd/system/x.service", ["daemon-reload"]),
        ("/etc/systemd/system/x.socket.d/y.conf", ["daemon-reload", "restart x.socket"]),
        ("/etc/udev/rules.d/9-kvm.rules", ["udev"]),
        ("/etc/exports", ["exports"]),
        ("/etc/default/grub", ["grub"]),
        ("/etc/motd", []),
    ],
)
def test_what_a_document_makes_necessary(path: str, told: list[str]) -> None:
    daemons = Daemons("virtqemud", "virtproxyd", "virtnetworkd")
    document = Document("file", path)
    assert [str(each) for each in activations_of(document, path, [], daemons)] == told


def test_sysctls_are_set_one_by_one_and_never_one_that_cannot_be_set_back() -> None:
    path = "/etc/sysctl.d/99-x.conf"
    edits = [SetLine("net/ipv4/ip_forward", "0"), SetLine("kernel.unprivileged_bpf_disabled", "1")]
    told = list(activations_of(Document("file", path), path, edits, Daemons()))
    assert [str(each) for each in told] == ["sysctl net/ipv4/ip_forward=0"]


@pytest.mark.parametrize(
    ("document", "edit", "cutting"),
    [
        (Document("file", "/etc/ssh/sshd_config"), SetLine("Port", "22"), True),
        (Document("file", LIBVIRTD), SetConf("listen_tls", 0), True),
        (Document("file", LIBVIRTD), SetConf("audit_level", 1), False),
        (Document("unit", "ssh.service"), SetState("disabled"), True),
        (Document("unit", "avahi-daemon.service"), SetState("disabled"), False),
        (Document("file", QEMU), SetConf("vnc_tls", 1), False),
        (Document("file", "/etc/virt-warden/separation.nft"), Replace(""), True),
    ],
)
def test_what_can_cut_the_way_in(document: Document, edit: Edit, cutting: bool) -> None:
    assert cuts(document, path_of(document), [edit]) is cutting


def test_keys_come_before_their_users_and_the_audit_rules_last() -> None:
    names = ("/etc/audit/rules.d/x.rules", "/etc/ssh/sshd_config", "/etc/sysctl.conf", QEMU, "/etc/pki/CA/key.pem")
    documents = [Document("file", name) for name in names] + [Document("domain", "web")]
    ordered = sorted(documents, key=lambda each: order_of(each, path_of(each)))
    assert [each.name for each in ordered] == [names[4], QEMU, names[2], "web", names[1], names[0]]


def test_when_a_change_shows() -> None:
    assert takes_effect(Document("domain", "web"), "") == "guest web is started anew"
    assert takes_effect(Document("file", QEMU), QEMU) == "the guest is started anew"
    assert (
        takes_effect(Document("file", "/etc/modprobe.d/x.conf"), "/etc/modprobe.d/x.conf")
        == "the host is booted again"
    )
    assert takes_effect(Document("file", LIBVIRTD), LIBVIRTD) == ""
