"""Each audit rule is fired by an act that reaches it, or it is said why it never can be."""

from __future__ import annotations

from dataclasses import replace

from tests.kit import NOW, Made, entry
from tests.prove.fakelab import ROOT, FakeLab, audited, in_force
from virtwarden.facts.audit import AuditRules, RulesFile
from virtwarden.formats.auditrules import parse
from virtwarden.host import Host, Output, Stat, Text
from virtwarden.lab import UNSET, Way
from virtwarden.model import Observation
from virtwarden.prove.audit import prove_rules

CFG = "-a always,exit -F arch=b64 -S all -F dir=/etc/libvirt -F perm=wa -F key=virt_libvirt_cfg"
CFG_32 = CFG.replace("b64", "b32")
KEY = "-a always,exit -F arch=b64 -S all -F path=/etc/pki/key.pem -F perm=r -F key=virt_tls_privkey"
EXEC = "-a always,exit -F arch=b64 -S all -F path=/usr/bin/qemu -F perm=x -F key=virt_qemu_exec"
MANUAL = EXEC.replace("-F key=virt_qemu_exec", "-F auid!=-1 -F key=virt_qemu_manual")
IMAGES = "-a always,exit -F arch=b64 -S all -F dir=/images -F perm=wa -F key=virt_image_change"
STATS = (
    entry("/etc/libvirt", kind="dir", mode=0o755),
    entry("/images", kind="dir", mode=0o711),
    entry("/etc/pki/key.pem", mode=0o600),
    entry("/usr/bin/qemu", mode=0o755),
    entry("/dev/kvm", kind="char"),
    entry("/dev/watchdog", kind="char"),
)


def proved(
    *rules: str, lab: FakeLab | None = None, lsm: str = "none", stats: tuple[Stat, ...] = STATS
) -> tuple[list[Observation], FakeLab]:
    """The observations for these loaded rules, by a lab in which they work."""
    host = audited("\n".join(rules), *stats, lsm=lsm)
    lab = lab or FakeLab(in_force(host), lsm=lsm)
    return list(prove_rules(host, lab)), lab


def test_a_directory_s_rule_is_fired_by_a_file_made_in_it() -> None:
    (seen,), lab = proved(CFG)
    assert seen == Observation(
        "making a file in /etc/libvirt is recorded as virt_libvirt_cfg", True, "record 1796053718.182:1"
    )
    assert [(act.way, act.path, act.inside) for act in lab.done] == [(Way.MAKE, "/etc/libvirt", True)]


def test_a_rule_for_reading_is_fired_by_reading() -> None:
    (seen,), lab = proved(KEY)
    assert seen.holds
    assert [act.way for act in lab.done] == [Way.READ]


def test_a_rule_for_32_bit_programs_is_fired_by_their_system_calls() -> None:
    (_, narrow), lab = proved(CFG, CFG_32)
    assert narrow.claim == "making a file in /etc/libvirt by a 32-bit program is recorded as virt_libvirt_cfg"
    assert narrow.holds
    assert [act.width for act in lab.done] == ["b64", "b32"]


def test_a_rule_about_logins_is_fired_by_a_login_and_the_one_behind_it_without() -> None:
    (manual, plain), lab = proved(MANUAL, EXEC)
    assert (manual.holds, plain.holds) == (True, True)
    assert [act.login for act in lab.done] == [0, None]


def test_who_is_logged_in_himself_fires_the_rule_behind_it_without_a_login() -> None:
    we = replace(ROOT, login=1000)
    _, lab = proved(MANUAL, EXEC, lab=FakeLab(in_force(audited(f"{MANUAL}\n{EXEC}")), we))
    assert [act.login for act in lab.done] == [None, UNSET]


def test_a_rule_about_persons_is_fired_by_a_login_that_nobody_has() -> None:
    _, lab = proved(EXEC.replace("-F key", "-F auid>=1000 -F auid!=-1 -F key"))
    assert [act.login for act in lab.done] == [59999]


def test_a_rule_that_an_earlier_never_rule_shadows_is_named_and_not_waited_for() -> None:
    never = "-a never,exit -F arch=b64 -S all -F dir=/etc -F perm=wa"
    (seen,), lab = proved(never, CFG)
    assert seen.holds is False
    assert seen.seen == f"an earlier rule takes all that it asks for: {never}"
    assert lab.done == []


def test_a_never_rule_for_another_program_does_not_stand_in_the_way() -> None:
    never = "-a never,exit -F arch=b64 -S all -F dir=/images -F perm=wa -F exe=/usr/sbin/libvirtd"
    (seen,), _ = proved(never, IMAGES)
    assert seen.holds


def test_an_excluded_program_of_qemu_is_tried_too_with_our_own_act_as_its_twin() -> None:
    never = "-a never,exit -F arch=b64 -S all -F dir=/images -F perm=wa -F exe=/usr/bin/qemu-img"
    (_, excluded), lab = proved(never, IMAGES)
    assert excluded.claim == "making a file in /images by /usr/bin/qemu-img is not recorded as virt_image_change"
    assert excluded.holds
    assert [act.program for act in lab.done[1:]] == ["/usr/bin/qemu-img", ""]


def test_an_exclusion_that_does_not_exclude_does_not_hold() -> None:
    never = "-a never,exit -F arch=b64 -S all -F dir=/images -F perm=wa -F exe=/usr/bin/qemu-img"
    (_, excluded), _ = proved(never, IMAGES, lab=FakeLab(in_force(audited(IMAGES))))
    assert excluded.holds is False


def test_an_exclusion_proves_nothing_where_what_is_not_excluded_is_not_recorded_either() -> None:
    never = "-a never,exit -F arch=b64 -S all -F dir=/images -F perm=wa -F exe=/usr/bin/qemu-img"
    (_, excluded), _ = proved(never, IMAGES, lab=FakeLab())
    assert excluded.holds is None


def test_a_condition_on_a_label_is_never_true_without_a_module_that_knows_it() -> None:
    rule = IMAGES.replace("-F key", "-F subj_type!=svirt_t -F key")
    for lsm, named in (
        ("none", "no security module on this host knows"),
        ("apparmor", "AppArmor does not know"),
    ):
        (seen,), lab = proved(rule, lsm=lsm)
        assert seen.holds is False
        assert seen.seen == f"{named} subj_type, so -F subj_type!=svirt_t is never true"
        assert lab.done == []


def test_a_type_that_the_policy_lacks_never_matches() -> None:
    rule = IMAGES.replace("-F key", "-F subj_type!=qemu_t -F key")
    (seen,), _ = proved(rule, lab=FakeLab(lsm="selinux", types=("svirt_t",)), lsm="selinux")
    assert (seen.holds, "no type qemu_t" in seen.seen) == (False, True)


def test_a_type_that_the_policy_has_and_that_we_are_not_lets_us_through() -> None:
    rule = IMAGES.replace("-F key", "-F subj_type!=svirt_t -F key")
    we = replace(ROOT, type="unconfined_t")
    lab = FakeLab(in_force(audited(rule)), we, lsm="selinux", types=("svirt_t",))
    (seen,), _ = proved(rule, lab=lab, lsm="selinux")
    assert seen.holds


def test_what_only_a_guest_can_do_is_unknown() -> None:
    rule = IMAGES.replace("-F key", "-F subj_type=svirt_t -F key")
    we = replace(ROOT, type="unconfined_t")
    (seen,), _ = proved(rule, lab=FakeLab((), we, lsm="selinux", types=("svirt_t",)), lsm="selinux")
    assert seen.holds is None
    assert seen.seen == "it cannot be tried from here: -F subj_type=svirt_t"


def test_a_rule_that_does_not_fire_does_not_hold() -> None:
    (seen,), _ = proved(CFG, lab=FakeLab())
    assert (seen.holds, seen.seen) == (False, "it was done, and no record came")


def test_a_record_under_another_key_is_not_this_rule_s() -> None:
    other = in_force(audited(CFG.replace("virt_libvirt_cfg", "foreign")))
    (seen,), _ = proved(CFG, lab=FakeLab(other))
    assert (seen.holds, seen.seen) == (False, "it was recorded, but as foreign")


def test_two_keys_of_one_rule_are_both_looked_for() -> None:
    (seen,), _ = proved(f"{CFG} -F key=site")
    assert (seen.holds, seen.claim[-30:]) == (True, "orded as site, virt_libvirt_cfg"[-30:])


def test_after_our_own_record_did_not_arrive_nothing_more_is_waited_for() -> None:
    found, lab = proved(CFG, KEY, EXEC, lab=FakeLab(deaf="a record of our own did not arrive"))
    assert [(each.holds, each.seen) for each in found] == [(None, "a record of our own did not arrive")] * 3
    assert len(lab.done) == 1


def test_a_host_that_does_not_audit_makes_all_unknown_and_nothing_is_done() -> None:
    for status, why in (
        ("enabled 0\npid 700\nlost 0\n", "auditing is switched off (enabled 0)"),
        ("enabled 1\npid 0\nlost 0\n", "no audit daemon takes the kernel's records (pid 0)"),
    ):
        host = audited(CFG, *STATS, status=status)
        lab = FakeLab(in_force(host))
        assert [(each.holds, each.seen) for each in prove_rules(host, lab)] == [(None, why)]
        assert lab.done == []


def test_a_file_that_is_not_there_is_not_made_for_the_proof() -> None:
    (seen,), lab = proved(KEY.replace("key.pem", "other.pem"))
    assert seen.holds is None
    assert "there is no /etc/pki/other.pem" in seen.seen
    assert lab.done == []


def test_a_directory_that_is_gone_is_watched_no_more() -> None:
    (seen,), _ = proved(CFG.replace("/etc/libvirt", "/gone"))
    assert (seen.holds, "is gone" in seen.seen) == (False, True)


def test_only_devices_that_opening_does_nothing_to_are_opened() -> None:
    rule = "-a always,exit -F arch=b64 -S all -F path=/dev/{} -F perm=rw -F key=virt_dev"
    (kvm, watchdog), lab = proved(rule.format("kvm"), rule.format("watchdog"))
    assert (kvm.holds, watchdog.holds) == (True, None)
    assert [act.path for act in lab.done] == ["/dev/kvm"]


def test_a_device_s_mode_is_set_to_what_it_is_where_that_is_recorded() -> None:
    rule = "-a always,exit -F arch=b64 -S all -F path=/dev/watchdog -F perm=wa -F key=virt_dev"
    _, lab = proved(rule)
    assert [act.way for act in lab.done] == [Way.MODE]


def test_rules_of_other_keys_are_left_alone_unless_asked_for() -> None:
    host = audited(CFG.replace("virt_libvirt_cfg", "identity"), *STATS)
    lab = FakeLab(in_force(host))
    assert [each.holds for each in prove_rules(host, lab)] == [False]
    assert [each.holds for each in prove_rules(host, lab, ("*",))] == [True]


def test_a_rule_on_disk_that_is_not_loaded_is_named_with_its_line() -> None:
    host = audited(CFG, *STATS)
    loaded, output = host.get(AuditRules).in_force()
    text = Text("/etc/audit/rules.d/45.rules", f"-D\n{CFG}\n{KEY}\n", host.taken_at)
    rules = AuditRules((RulesFile(text, parse(text.text)),), None, loaded, output, "none")
    found = list(prove_rules(audited("", *STATS, rules=rules), FakeLab(loaded.rules)))
    assert [each.holds for each in found] == [True, False]
    assert found[1].claim == f"the rule {KEY} is in force"
    assert found[1].seen == "it stands in /etc/audit/rules.d/45.rules:3 and is not loaded"


def test_a_host_without_32_bit_programs_is_never_heard_by_their_rules() -> None:
    (seen,), _ = proved(CFG_32, lab=FakeLab(impossible="this kernel has no 32-bit system calls"))
    assert (seen.holds, seen.seen) == (False, "this kernel has no 32-bit system calls")


def test_what_cannot_be_done_here_is_unknown() -> None:
    (seen,), _ = proved(MANUAL, lab=FakeLab(impossible="the login of a process cannot be set here"))
    assert (seen.holds, seen.seen) == (None, "the login of a process cannot be set here")


def test_what_is_missing_while_the_kernel_loses_records_is_unknown() -> None:
    counts = iter(range(100))

    class Losing(Made):
        def run(self, *argv: str) -> Output:
            return Output(argv, 0, f"enabled 1\npid 700\nlost {next(counts)}\n", "", NOW)

    host = Host(Losing(stats={each.path: each for each in STATS}), audited(CFG).get(AuditRules))
    (seen,) = prove_rules(host, FakeLab())
    assert seen.holds is None
    assert seen.seen.endswith("but the kernel lost records meanwhile")
