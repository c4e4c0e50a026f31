"""The rules that a host should have, made from its situation."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.kit import entry, made
from tests.recorded import bundle
from tests.ruleset.kernel import NEEDS_KERNEL, auditctl, emptied, listed
from virtwarden.facts.audit_actors import AuditActors, Doing
from virtwarden.facts.policy import Policy, Storage
from virtwarden.formats import auditrules
from virtwarden.host import Host, Stat, Unknown
from virtwarden.ruleset.generator import RuleSet, rule_set
from virtwarden.ruleset.purposes import PURPOSES
from virtwarden.ruleset.situation import NEVER_FILE, VIRT_FILE, situation
from virtwarden.sources.local import Local

RECORDED = sorted(Path(bundle.__file__).parent.glob("*.txt"))
SITE = "/etc/audit/rules.d/site.rules"
BOTH = ("b64", "b32")
EMULATOR = "/usr/bin/qemu-system-x86_64"
PLACES = (
    entry("/etc/libvirt", kind="dir"),
    entry("/var/lib/libvirt/images", kind="dir"),
    entry("/var/log/libvirt", kind="dir"),
    entry("/etc/pki/libvirt-vnc/server-key.pem"),
    entry("/usr/sbin/libvirtd"),
    entry(EMULATOR),
)
TYPED = {
    "emulator": Doing((EMULATOR,), ("svirt_t", "svirt_tcg_t")),
    "guests": Doing(("/usr/sbin/libvirtd",), ("virtd_t",)),
    "storage": Doing(("/usr/sbin/libvirtd",), ("virtd_t",)),
    "logrotate": Doing(("/usr/sbin/logrotate",), ("logrotate_t",)),
}
UNTYPED = {name: Doing(each.programs) for name, each in TYPED.items()} | {"tools": Doing(("/usr/bin/qemu-img",))}


def rules_of(actors: AuditActors, site: str = "", policy: Policy | None = None) -> RuleSet:
    return rule_set(situation(made(actors, policy or Policy(), files={SITE: site}, stats=PLACES)))


def lines(rules: RuleSet, path: str) -> list[str]:
    return [line for line in rules.files().get(path, "").splitlines() if line and not line.startswith("#")]


def test_with_selinux_daily_work_is_left_out_by_the_types_that_the_policy_has() -> None:
    rules = rules_of(AuditActors(TYPED, selinux=True, arches=BOTH))
    images = [each.line for each in rules.for_path("/var/lib/libvirt/images")]
    exceptions = "-F subj_type!=svirt_t -F subj_type!=svirt_tcg_t -F subj_type!=virtd_t"
    assert images == [
        f"-a always,exit -F arch={arch} -F dir=/var/lib/libvirt/images -F perm=wa {exceptions} -F key=virt_image_change"
        for arch in BOTH
    ]
    assert not any("exe=" in each.line for each in (*rules.never, *rules.always))
    assert "-a never,exit -F arch=b64 -F dir=/var/log/libvirt -F perm=wa -F subj_type=logrotate_t" in lines(
        rules, NEVER_FILE
    )


def test_without_it_programs_are_left_out_before_while_nobody_is_logged_in() -> None:
    rules = rules_of(AuditActors(UNTYPED, selinux=False, arches=BOTH))
    assert not any("_type" in each.line for each in (*rules.never, *rules.always))
    never = lines(rules, NEVER_FILE)
    head = "-a never,exit -F arch=b64 -F dir=/var/lib/libvirt/images -F perm=wa"
    assert [line for line in never if line.startswith(head)] == [
        f"{head} -F exe={program} -F auid=unset"
        for program in (EMULATOR, "/usr/sbin/libvirtd", "/usr/bin/qemu-img")
    ]
    assert all(" -F auid=unset" in line for line in never)


def test_a_doer_whose_type_is_not_known_is_left_out_by_program_beside_others_by_type() -> None:
    mixed = TYPED | {"guests": UNTYPED["guests"], "storage": UNTYPED["storage"]}
    rules = rules_of(AuditActors(mixed, selinux=True, arches=("b64",)))
    (images,) = rules.for_path("/var/lib/libvirt/images")
    assert "subj_type!=svirt_tcg_t" in images.line
    assert "virtd_t" not in images.line
    assert any("images" in each.line and "exe=/usr/sbin/libvirtd" in each.line for each in rules.never)


def test_the_rule_for_people_stands_before_the_rule_for_every_start() -> None:
    keys = [rule.key for rule in rules_of(AuditActors(UNTYPED, selinux=False)).for_path(EMULATOR)]
    assert keys == ["virt_qemu_manual", "virt_qemu_exec", "virt_qemu_change"]


def test_what_every_boot_makes_anew_is_watched_by_its_name() -> None:
    made_at_boot = [
        each for each in rules_of(AuditActors({}, selinux=False)).always if "/run/libvirt" in each.line
    ]
    assert [each.line for each in made_at_boot] == [
        "-a always,exit -F arch=b64 -F path=/run/libvirt -F perm=wa -F auid!=unset -F key=virt_runtime_change"
    ]


def test_a_rule_that_another_file_has_is_not_loaded_twice() -> None:
    site = "-a exit,always -F arch=b64 -S all -F dir=/etc/libvirt/ -F perm=aw -k virt_libvirt_cfg\n"
    rules = rules_of(AuditActors({}, selinux=False), site)
    (twice,) = rules.for_path("/etc/libvirt")
    assert twice.elsewhere == SITE
    assert f"# in {SITE} already: {twice.line}\n" in rules.files()[VIRT_FILE]
    assert twice.line not in lines(rules, VIRT_FILE)


def test_our_own_files_are_not_other_files() -> None:
    first = rules_of(AuditActors(UNTYPED, selinux=False))
    again = made(
        AuditActors(UNTYPED, selinux=False), files={**first.files(), SITE: ""}, stats=(*PLACES, entry(SITE))
    )
    assert rule_set(situation(again)).files() == first.files()


def test_the_policys_image_directories_are_watched_too() -> None:
    policy = Policy(storage=Storage(image_directories=("/srv/guests/", "relative", "/with blank")))
    host = made(policy, files={SITE: ""}, stats=(*PLACES, entry("/srv/guests", kind="dir")))
    found = [each.line for each in rule_set(situation(host)).always if each.key == "virt_image_change"]
    assert [line.split()[4:6] for line in found] == [
        ["-F", "dir=/var/lib/libvirt/images"],
        ["-F", "dir=/srv/guests"],
    ]


def test_a_host_with_its_rules_in_one_file_gets_the_form_of_its_time() -> None:
    host = made(AuditActors(UNTYPED, selinux=False), files={"/etc/audit/audit.rules": "-D\n"}, stats=PLACES)
    files = rule_set(situation(host)).files()
    assert list(files) == ["/etc/audit/audit.rules"]
    text = files["/etc/audit/audit.rules"]
    assert "exe=" not in text
    assert "unset -F" not in text
    assert "-F path=/var/run/libvirt -F perm=wa -F auid!=4294967295" in text
    assert "-F dir=/var/lib/libvirt/images -F perm=wa -F auid!=4294967295 -F key=virt_image_change" in text


def test_auditctl_of_before_it_knew_programs_is_not_given_any() -> None:
    host = made(
        AuditActors(UNTYPED, selinux=False),
        files={SITE: ""}, stats=PLACES, commands={("auditctl", "-v"): "auditctl version 2.3.7\n"},
    )  # fmt: skip
    assert "exe=" not in "".join(rule_set(situation(host)).files().values())


def test_what_could_not_be_looked_at_is_said_beside_the_rules() -> None:
    stats: dict[str, Stat | Unknown] = {each.path: each for each in PLACES}
    stats |= {path: Unknown("permission denied") for path in ("/etc/pki/qemu", "/etc/sasl2/qemu.conf")}
    rules = rule_set(situation(made(AuditActors({}, selinux=False), files={SITE: ""}, stats=stats)))
    assert (
        rules.remarks[-1] == "Could not be looked at, so that there is no rule for it: /etc/pki/qemu and 1 more."
    )


def test_every_key_has_its_purpose_and_its_cost_beside_its_rules() -> None:
    rules = rules_of(AuditActors(UNTYPED, selinux=False))
    text = rules.files()[VIRT_FILE]
    for key in {each.key for each in rules.always}:
        assert f"## {key}: {PURPOSES[key].what}.\n## Cost: {PURPOSES[key].cost}\n" in text


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_the_rules_for_hosts_of_every_age_are_understood(path: Path) -> None:
    files = rule_set(situation(Host(bundle.load(path)))).files()
    assert files
    for text in files.values():
        read = auditrules.parse(text)
        assert read.broken == ()
        assert len(set(read.rules)) == len(read.rules) > 0


def test_a_host_without_libvirt_gets_none() -> None:
    assert rule_set(situation(made(files={SITE: ""}))).files() == {}


def loaded(texts: dict[str, str], folder: Path) -> list[str]:
    """What auditctl complained about while it loaded these texts in the order of their names."""
    said = []
    for number, text in enumerate(texts.values()):
        file = folder / f"{number}.rules"
        file.write_text(text, "utf-8")
        os.chmod(file, 0o600)
        done = auditctl("-R", str(file))
        said += [done.stderr] if done.returncode else []
    return said


@NEEDS_KERNEL
def test_what_is_made_for_this_host_loads_into_its_kernel_and_is_listed_as_it_is_written(tmp_path: Path) -> None:
    files = rule_set(situation(Host(Local()))).files()
    if not files:
        pytest.skip("there is no libvirt here to watch")
    with emptied():
        assert loaded(files, tmp_path) == []
        in_kernel = auditrules.listing(listed()).rules
    written = [rule for text in files.values() for rule in auditrules.parse(text).rules]
    assert list(in_kernel) == written


_AT = re.compile(r"\b(path|dir|exe)=(/\S+)")


@NEEDS_KERNEL
@pytest.mark.parametrize("selinux", [True, False], ids=["by type", "by program"])
def test_both_ways_of_leaving_work_out_load_into_a_real_kernel(tmp_path: Path, selinux: bool) -> None:
    actors = AuditActors(TYPED if selinux else UNTYPED, selinux=selinux, arches=BOTH)
    texts = rule_set(situation(made(actors, files={SITE: ""}, stats=PLACES))).files()
    here = {path: _AT.sub(rf"\1={tmp_path}\2", text) for path, text in texts.items()}
    for kind, path in (found for text in here.values() for found in _AT.findall(text)):
        Path(path if kind == "dir" else os.path.dirname(path)).mkdir(parents=True, exist_ok=True)
    with emptied():
        assert loaded(here, tmp_path) == []


def test_nothing_in_it_locks_the_rules_or_ends_auditing() -> None:
    for path in RECORDED:
        for text in rule_set(situation(Host(bundle.load(path)))).files().values():
            assert auditrules.parse(text).controls == ()
