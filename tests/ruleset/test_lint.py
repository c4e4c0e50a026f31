"""What the linter says of single lines, of lines together, and of the blueprint's own listings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit import made
from tests.ruleset.kernel import NEEDS_KERNEL, auditctl, emptied
from tests.ruleset.test_generator import PLACES, SITE, TYPED, UNTYPED
from virtwarden.facts.audit_actors import AuditActors
from virtwarden.formats import auditrules
from virtwarden.ruleset.generator import rule_set
from virtwarden.ruleset.lint import Around, Line, Weight, lint
from virtwarden.ruleset.lint.sayings import WEIGHTS
from virtwarden.ruleset.situation import situation

HERE = Path(__file__).parent
EXPLAINED, SAMPLE = "blueprint-explained.rules", "blueprint-sample.rules"
KEY = "/etc/pki/libvirt-vnc/server-key.pem"
GUESTS = "-F subj_type!=svirt_t -F subj_type!=svirt_tcg_t"


def lines_of(text: str, around: Around | None = None) -> list[Line]:
    return lint([("a.rules", text)], around)


def said(text: str, around: Around | None = None) -> dict[str, tuple[str, ...] | None]:
    """The ids of all remarks on the last line of a text that has some, with what should stand there."""
    line = lines_of(text, around)[-1]
    return {remark.id: line.instead for remark in line.remarks}


def both(rule: str) -> tuple[str, ...]:
    """A rule for both kinds of calls."""
    return tuple(rule.replace(",exit ", f",exit -F arch={arch} ", 1) for arch in ("b64", "b32"))


ROWS = [
    ("a exit,always -F path=/usr/sbin/libvirtd -F perm=x -k virt_libvirtd_exec-", "torn",
     both("-a always,exit -F path=/usr/sbin/libvirtd -F perm=x -F key=virt_libvirtd_exec")),
    ("-a exit, never -F dir=/dev/pts -F perm=rw -F subj type=svirt t", "torn",
     both("-a never,exit -F dir=/dev/pts -F perm=rw -F subj_type=svirt_t")),
    ("-a exit,always -F path=/usr/sbin/libvirtd -F perm=x -k virt libvirtd exec", "torn",
     both("-a always,exit -F path=/usr/sbin/libvirtd -F perm=x -F key=virt_libvirtd_exec")),
    ("-a possible,exit -S open -k x", "refused", None),
    ("-a always,entry -S open -k x", "refused", None),
    ("-a always,exit -F dir=/etc -F perm=wa -F exe!=/bin/a -F exe!=/bin/b -k x", "refused", None),
    ("-a exit,always -F path=/etc/sas12/libvirt.conf -F perm=wa -k x", "misspelt-path",
     both("-a always,exit -F path=/etc/sasl2/libvirt.conf -F perm=wa -F key=x")),
    ("-a exit,always -F dir=/etc/libvirt/ -F perm=wa -k x", "list-order",
     both("-a always,exit -F dir=/etc/libvirt -F perm=wa -F key=x")),
    ("-w /etc/libvirt/ -p wa -k x", "trailing-slash",
     both("-a always,exit -F dir=/etc/libvirt -F perm=wa -F key=x")),
    ("-w /etc/libvirt/qemu.conf -p wa -k x", "old-watch",
     both("-a always,exit -F path=/etc/libvirt/qemu.conf -F perm=wa -F key=x")),
    (f"-a always,exit -F path={KEY} -F perm=r -F subj_type!=qemu_t -k x", "qemu-type",
     both(f"-a always,exit -F path={KEY} -F perm=r {GUESTS} -F key=x")),
    ("-a never,exit -F path=/dev/kvm -F perm=rw -F subj_type=qemu_t", "qemu-type",
     (*both("-a never,exit -F path=/dev/kvm -F perm=rw -F subj_type=svirt_t"),
      *both("-a never,exit -F path=/dev/kvm -F perm=rw -F subj_type=svirt_tcg_t"))),
    (f"-a always,exit -F path={KEY} -F perm=r -F subj_type!=svirt_t -k x", "guest-type",
     both(f"-a always,exit -F path={KEY} -F perm=r {GUESTS} -F key=x")),
    (f"-a always,exit -F path={KEY} -F perm=r -F subj_type!=virtd_t -k x", "one-daemon",
     both(f"-a always,exit -F path={KEY} -F perm=r -F subj_type!=virtd_t -F key=x")),
    ("-a always,exit -F dir=/var/cache/libvirt -F perm=wa -F subj_type!=qemu_t -k x", "cache-by-daemon",
     both("-a always,exit -F dir=/var/cache/libvirt -F perm=wa -F subj_type!=virtd_t -F key=x")),
    ("-a always,exit -F arch=b64 -S all -F perm=wax -F subj_type=qemu_t -F obj_type!=qemu_t -k x", "cross-domain", ()),
    ("-a always,exit -F obj_type=virt_image_t -F perm=wa -F subj_type!=virtd_t -k x", "image-type",
     both("-a always,exit -F dir=/var/lib/libvirt/images -F perm=wa -F subj_type!=virtd_t -F key=x")),
    ("-a always,exit -F dir=/var/lib/libvirt/images -F perm=wa -F subj_type!=qemu_t -k x", "images-by-libvirt",
     both(f"-a always,exit -F dir=/var/lib/libvirt/images -F perm=wa {GUESTS} -F subj_type!=virtd_t -F key=x")),
    ("-a never,exit -F path=/dev/ksm -F perm=rw -F subj_type=svirt_t", "no-such-device", ()),
    ("-a never,exit -F dir=/var/cache/libvirt -F perm=wa -F subj_type=initrc_t", "dead-type", ()),
    ("-a always,exit -F dir=/etc/libvirt -F perm=wa -F subj_type!=initrc_t -k x", "dead-type",
     both("-a always,exit -F dir=/etc/libvirt -F perm=wa -F key=x")),
    ("-a never,exit -F dir=/var/log/libvirt -F perm=wa -F subj_type=logrotate_t", "type-to-verify",
     both("-a never,exit -F dir=/var/log/libvirt -F perm=wa -F subj_type=logrotate_t")),
    ("-a always,exit -F path=/var/run/libvirtd.pid -F perm=wa -k x", "old-path",
     both("-a always,exit -F path=/run/libvirtd.pid -F perm=wa -F key=x")),
    ("-a always,exit -F dir=/var/run/libvirt/ -F perm=wa -k x", "made-at-boot",
     both("-a always,exit -F path=/run/libvirt -F perm=wa -F key=x")),
    ("-a never,exit -F dir=/run/libvirt/network -F perm=wa -F subj_type=dnsmasq_t", "made-at-boot", ()),
    (f"-a always,exit -F path={KEY} -F subj_type!=svirt_t -F subj_type!=svirt_tcg_t -k x", "no-perm",
     (*both(f"-a always,exit -F path={KEY} -F perm=r {GUESTS} -F key=x"),
      *both(f"-a always,exit -F path={KEY} -F perm=wa -F key=x"))),
    ("-a always,exit -F dir=/srv -F uid=0 -k x", "no-perm",
     both("-a always,exit -F dir=/srv -F perm=wa -F uid=0 -F key=x")),
    ("-a never,exit -F arch=b64 -F dir=/srv -F perm=wa -F exe=/usr/bin/qemu-img", "exception-for-all",
     ("-a never,exit -F arch=b64 -F dir=/srv -F perm=wa -F exe=/usr/bin/qemu-img -F auid=unset",)),
    ("-a always,exit -S unlink -F auid>=1000 -k x", "call-without-arch",
     tuple(f"-a always,exit -F arch={arch} -S unlink -F auid>=1000 -F key=x" for arch in ("b64", "b32"))),
    ("-a always,exit -F dir=/srv -F perm=wa -F uid=0 -k x", "no-arch",
     both("-a always,exit -F dir=/srv -F perm=wa -F uid=0 -F key=x")),
    ("-a always,exit -F arch=b64 -F uid=0 -F perm=wa -k x", "every-call",
     ("-a always,exit -F arch=b64 -F perm=wa -F uid=0 -F key=x",)),
    ("-a always,exit -F arch=b64 -F dir=/srv -F perm=wa -k x", "no-twin",
     ("-a always,exit -F arch=b64 -F dir=/srv -F perm=wa -F key=x",)),
    ("-w /srv/ -p wa", "no-key", both("-a always,exit -F dir=/srv -F perm=wa")),
    ("-w /a -p wa -k x\n-w /a -p aw -k x", "duplicate", ()),
    ("-c\n-w /a -p wa -k x\n-w /a -p aw -k x", "repeated", ()),
    ("-w /srv/ -p wa -k x\n-a never,exit -F arch=b64 -F dir=/srv/a -F perm=wa -F subj_type=svirt_t", "never-too-late",
     ("-a never,exit -F arch=b64 -F dir=/srv/a -F perm=wa -F subj_type=svirt_t",)),
    ("-w /bin/q -p x -k all\n-a always,exit -F arch=b64 -F path=/bin/q -F perm=x -F auid!=unset -k people", "shadowed",
     ("-a always,exit -F arch=b64 -F path=/bin/q -F perm=x -F auid!=unset -F key=people",)),
    ("-w /etc/pki/CA/cacert.pem -p wa -k virt_tls_cert", "gap",
     both("-a always,exit -F path=/etc/pki/CA/cacert.pem -F perm=wa -F key=virt_tls_cert")),
    ("-w /usr/libexec/qemu-kvm -p x -k virt_qemu_exec", "emulator-elsewhere",
     both("-a always,exit -F path=/usr/libexec/qemu-kvm -F perm=x -F key=virt_qemu_exec")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "id_", "instead"), ROWS, ids=[f"{row[1]}-{n}" for n, row in enumerate(ROWS)])
def test_each_trap_is_named_with_what_should_stand_there(
    text: str, id_: str, instead: tuple[str, ...] | None
) -> None:
    found = said(text)
    assert id_ in found
    assert found[id_] == instead


IN_A_HOST = [
    ("-w /etc/pki/libvirt-vnc/x -p wa -k x", "directory-missing", Around(missing=frozenset(["/etc/pki/libvirt-vnc"]))),
    ("-i\n-w /gone/x -p wa -k x", "left-out", Around(missing=frozenset(["/gone"]))),
    ("-w /usr/libexec/qemu-kvm -p x -k x", "emulator-missing", Around(emulators=("/usr/bin/qemu-system-x86_64",))),
    (f"-w {KEY} -p r -k x\n-a always,exit -F path={KEY} -F perm=wa -F subj_type!=virtd_t -k x", "modular-daemons",
     Around(modular=True)),
    ("-a always,exit -F dir=/srv -F perm=wa -F subj_type!=virtd_t -k x", "type-without-selinux",
     Around(lsm="apparmor")),
    ("-e 2\n-w /a -p wa -k x", "lock-not-last", Around()),
    ("-w /a -p wa -k x\n-D", "deletes-rules", Around()),
]  # fmt: skip


@pytest.mark.parametrize(("text", "id_", "around"), IN_A_HOST, ids=[row[1] for row in IN_A_HOST])
def test_traps_that_need_a_host_or_other_lines_are_named(text: str, id_: str, around: Around) -> None:
    assert id_ in {remark.id for line in lines_of(text, around) for remark in line.remarks}


def test_all_that_can_be_said_is_said_by_some_test() -> None:
    assert {row[1] for row in (*ROWS, *IN_A_HOST)} == set(WEIGHTS)


def test_what_a_host_knows_makes_the_correct_form_its_own() -> None:
    apparmor = said("-a always,exit -F dir=/srv -F perm=wa -F subj_type!=virtd_t -k x", Around(lsm="none"))
    assert apparmor["type-without-selinux"] == both("-a always,exit -F dir=/srv -F perm=wa -F key=x")
    one_kind = said("-w /srv/ -p wa -k x", Around(arches=("b64",)))
    assert one_kind["old-watch"] == ("-a always,exit -F arch=b64 -F dir=/srv -F perm=wa -F key=x",)
    elsewhere = said("-w /usr/libexec/qemu-kvm -p x -k x", Around(emulators=("/usr/bin/a", "/usr/bin/b")))
    assert elsewhere["emulator-missing"] == (
        *both("-a always,exit -F path=/usr/bin/a -F perm=x -F key=x"),
        *both("-a always,exit -F path=/usr/bin/b -F perm=x -F key=x"),
    )
    old = Around(before_rules_d=True)
    assert "made-at-boot" not in said("-w /var/run/libvirt/ -p wa -k x", old)


@pytest.mark.parametrize(
    ("watch", "kind", "around"),
    [
        ("/etc/libvirt", "dir", Around()),
        ("/etc/libvirt/qemu.conf", "path", Around()),
        ("/etc/polkit-1/rules.d", "dir", Around()),
        ("/usr/sbin/libvirtd", "path", Around()),
        ("/run/libvirt", "path", Around()),
        ("/var/run/libvirt", "dir", Around(before_rules_d=True)),
        ("/etc/libvirt", "path", Around(directories=frozenset())),
        ("/srv/a.b", "dir", Around(directories=frozenset(["/srv/a.b"]))),
    ],
)
def test_a_watch_of_a_directory_is_put_right_as_one(watch: str, kind: str, around: Around) -> None:
    instead = said(f"-w {watch} -p wa -k x", around)["old-watch"]
    assert instead == both(f"-a always,exit -F {kind}={watch} -F perm=wa -F key=x")


def test_types_that_the_policy_has_need_no_looking_up() -> None:
    text = "-a never,exit -F dir=/srv -F perm=wa -F subj_type=svirt_t"
    assert "type-to-verify" not in said(text, Around(lsm="selinux", types=frozenset(["svirt_t"])))


def blueprint(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def ids_by_line(name: str) -> dict[int, set[str]]:
    return {line.number: {remark.id for remark in line.remarks} for line in lines_of(blueprint(name))}


def test_every_error_of_the_blueprints_explained_listing_is_found() -> None:
    found = ids_by_line(EXPLAINED)
    wanted = {
        11: "qemu-type", 12: "no-such-device", 14: "qemu-type", 17: "made-at-boot", 23: "dead-type",
        27: "no-perm", 28: "qemu-type", 36: "duplicate", 41: "misspelt-path", 46: "torn", 47: "torn",
        49: "images-by-libvirt", 50: "image-type", 52: "torn", 54: "cache-by-daemon", 58: "torn", 62: "torn",
        64: "emulator-elsewhere",
    }  # fmt: skip
    assert {number: id_ for number, id_ in wanted.items() if id_ not in found.get(number, set())} == {}
    assert {"cross-domain", "torn"} <= found[46]
    assert "gap" in found[36]
    assert "type-to-verify" in found[17]
    assert {"one-daemon", "old-path", "made-at-boot"} <= found[52]


def test_the_sample_file_as_it_was_printed_is_read_as_it_was_meant() -> None:
    found = lines_of(blueprint(SAMPLE))
    torn = [line for line in found if any(remark.id == "torn" for remark in line.remarks)]
    assert len(torn) == 17
    assert all(line.instead is not None for line in torn)
    keys = {key for line in found for text in line.instead or () for key in auditrules.parse(text).rules[0].keys}
    assert keys == {
        "virt_tls_privkey", "virt_tls_cert", "virt_libvirt_cfg", "virt_image_change", "virt_runtime_change",
        "virt_log_change", "virt_libvirtd_exec", "virt_libvirtd_change", "virt_qemu_exec", "virt_qemu_change",
    }  # fmt: skip


def put_right(text: str, around: Around | None = None) -> str:
    """The text with what should stand there in place of each line."""
    lines: list[str | None] = list(text.split("\n"))
    for line in lines_of(text, around):
        if line.instead is not None:
            lines[line.number - 1] = "\n".join(line.instead) or None
    return "\n".join(line for line in lines if line is not None)


@pytest.mark.parametrize("name", [EXPLAINED, SAMPLE])
@pytest.mark.parametrize("lsm", [None, "selinux", "apparmor"])
def test_the_blueprints_listing_put_right_has_nothing_of_consequence_left(name: str, lsm: str | None) -> None:
    around = Around(lsm=lsm)
    after = put_right(blueprint(name), around)
    assert auditrules.parse(after).broken == ()
    left = [
        (r.id, line.text) for line in lines_of(after, around) for r in line.remarks if r.weight is not Weight.NOTE
    ]
    assert left == []
    assert put_right(after, around) == after


@pytest.mark.parametrize("selinux", [True, False])
def test_nothing_of_consequence_is_said_of_rules_that_we_make(selinux: bool) -> None:
    actors = AuditActors(TYPED if selinux else UNTYPED, selinux=selinux, arches=("b64", "b32"))
    files = rule_set(situation(made(actors, files={SITE: ""}, stats=PLACES))).files()
    types = frozenset(type_ for doing in TYPED.values() for type_ in doing.types)
    around = Around(lsm="selinux" if selinux else "apparmor", types=types, modular=False)
    assert [(r.id, line.text) for line in lint(files.items(), around) for r in line.remarks if r.id != "gap"] == []


def test_rules_in_other_files_count_in_the_order_of_loading() -> None:
    first = "-w /bin/q -p x -k all\n"
    second = "-a always,exit -F arch=b64 -F path=/bin/q -F perm=x -F auid!=unset -F key=people\n"
    found = lint([("10.rules", first), ("20.rules", second)])
    (late,) = [line for line in found if line.path == "20.rules"]
    assert "10.rules:1 matches first" in " ".join(remark.why for remark in late.remarks)
    assert not any(
        r.id == "shadowed" for line in lint([("20.rules", second), ("10.rules", first)]) for r in line.remarks
    )


WORDS = st.sampled_from(
    [
        *(
            "-a",
            "always,exit",
            "exit,never",
            "exit,",
            "-F",
            "path=/etc/x",
            "dir=/run/libvirt",
            "perm=wa",
            "-k",
            "a",
        ),
        *("subj_type!=qemu_t", "-w", "/srv/", "-p", "x", "-D", "-S", "all", "arch=b64", "obj_type=virt_image_t"),
        *(
            "exe=/bin/a",
            "auid!=unset",
            "-",
            "\0",
            "\udcff",
            "a exit,always",
            "virt qemu exec",
            "-e 2",
            "subj type=t",
        ),
        "\\ ",
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=9).map(" ".join), max_size=8).map("\n".join)


@given(LINES, st.sampled_from([None, "selinux", "apparmor", "none"]))
def test_whatever_stands_in_a_file_it_is_looked_through_to_its_end(text: str, lsm: str | None) -> None:
    for line in lines_of(text, Around(lsm=lsm)):
        assert line.remarks
        assert not auditrules.parse("\n".join(line.instead or ())).broken


@given(st.text())
def test_any_text_is_looked_through(text: str) -> None:
    lines_of(text)


def test_a_line_of_a_megabyte_and_a_file_of_many_rules_are_looked_through() -> None:
    assert lines_of("-" * 1_000_000)
    assert lines_of("a " + "- " * 200_000)
    assert lines_of("-a exit,always -k " + "x " * 100_000)
    many = "\n".join(f"-a always,exit -F arch=b64 -F path=/srv/{n} -F perm=wa -F key=k" for n in range(1500))
    assert len(lines_of(many)) == 1500


@NEEDS_KERNEL
def test_auditctl_refuses_what_we_say_that_it_refuses_and_no_more(tmp_path: Path) -> None:
    """In a directory that stands for the root, so that no rule lacks its directory."""
    for place in DIRECTORIES:
        (tmp_path / place).mkdir(parents=True)
    ours, its, ours_put_right = [], [], []
    with emptied():
        for text in [row[0] for row in ROWS if "\n" not in row[0]]:
            found = said(text)
            refusals = {"torn", "refused", "misspelt-path"} & found.keys()
            ours += [text] if refusals else []
            its += [text] if is_refused(text, tmp_path) else []
            instead = next(iter(found.values())) or ()
            ours_put_right += [line for line in instead if is_refused(line, tmp_path)]
    assert its == ours
    assert ours_put_right == []


DIRECTORIES = (
    "etc/libvirt", "etc/pki/libvirt-vnc", "etc/pki/CA", "etc/sasl2", "var/lib/libvirt/images", "var/log/libvirt",
    "var/cache/libvirt", "run/libvirt/network", "var/run/libvirt/network", "usr/sbin", "usr/libexec", "usr/bin", "srv",
    "dev/pts", "bin",
)  # fmt: skip


def is_refused(text: str, root: Path) -> bool:
    """Whether the load of this line alone ends at it."""
    file = root / "test.rules"
    moved = text.replace("=/", f"={root}/").replace("-w /", f"-w {root}/")
    file.write_text(f"-D\n{moved}\n", "utf-8")
    file.chmod(0o600)
    return auditctl("-R", str(file)).returncode != 0
