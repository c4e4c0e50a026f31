"""Who touches guests' files in daily work, as far as the host tells."""

from __future__ import annotations

import pytest

from tests.kit import entry, made, refusing
from virtwarden.facts.audit_actors import AuditActors, Doing, PolicyTypes
from virtwarden.host import Absent, Unknown

SELINUX = {
    "/sys/fs/selinux/enforce": "1",
    "/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n",
    "/etc/selinux/targeted/contexts/virtual_domain_context": (
        "system_u:system_r:svirt_t:s0\nsystem_u:system_r:svirt_tcg_t:s0\n"
    ),
}
LABELLED = [
    entry("/usr/sbin/virtqemud", label="system_u:object_r:virtqemud_exec_t:s0"),
    entry("/usr/libexec/qemu-kvm", label="system_u:object_r:qemu_exec_t:s0"),
]


def test_the_policy_tells_the_types_of_guests_and_the_labels_of_programs_those_of_daemons() -> None:
    found = made(files=SELINUX, stats=LABELLED).get(AuditActors)
    assert found.selinux
    assert found.doing["emulator"] == Doing(("/usr/libexec/qemu-kvm",), ("svirt_t", "svirt_tcg_t"))
    assert found.doing["guests"] == Doing(("/usr/sbin/virtqemud",), ("virtqemud_t",))
    assert found.doing["remote"] == Doing()


def test_where_there_is_no_label_the_policys_file_contexts_tell() -> None:
    contexts = "/usr/sbin/libvirtd\t--\tsystem_u:object_r:virtd_exec_t:s0\n"
    files = {**SELINUX, "/etc/selinux/targeted/contexts/files/file_contexts": contexts}
    found = made(files=files, stats=[entry("/usr/sbin/libvirtd")]).get(AuditActors)
    assert found.doing["guests"].types == ("virtd_t",)


def test_a_doer_of_which_one_program_has_no_known_type_has_none() -> None:
    stats = [*LABELLED, entry("/usr/sbin/libvirtd", label="system_u:object_r:bin_t:s0")]
    found = made(files=SELINUX, stats=stats).get(AuditActors)
    assert found.doing["guests"] == Doing(("/usr/sbin/libvirtd", "/usr/sbin/virtqemud"), ())


def test_labels_count_for_nothing_where_the_kernel_runs_apparmor() -> None:
    files = {**SELINUX, "/sys/kernel/security/lsm": "capability,apparmor", "/etc/audit/audit.rules": ""}
    found = made(files=files, stats=LABELLED).get(AuditActors)
    assert not found.selinux
    assert {each.types for each in found.doing.values()} == {()}


@pytest.mark.parametrize(
    ("loaders", "arches"),
    [
        (["/lib64/ld-linux-x86-64.so.2"], ("b64", "b32")),
        (["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux.so.2"], ("b64", "b32")),
        (["/lib/ld64.so.1"], ("b64", "b32")),
        (["/lib64/ld64.so.2"], ("b64",)),
        (["/lib/ld-linux-aarch64.so.1"], ("b64",)),
        (["/lib/ld-linux.so.2"], ("b32",)),
        (["/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1"], ()),
        ([], ()),
    ],
    ids=["x86_64", "x86_64 with 32-bit programs", "s390x", "ppc64le", "aarch64", "i386", "two machines", "none"],
)
def test_the_loader_of_programs_tells_which_kinds_of_calls_its_machine_takes(
    loaders: list[str], arches: tuple[str, ...]
) -> None:
    assert made(files=dict.fromkeys(loaders, "")).get(AuditActors).arches == arches


def test_what_is_refused_is_left_out_and_nothing_is_made_up() -> None:
    nothing = refusing().get(AuditActors)
    assert not nothing.selinux
    assert (nothing.arches, set(nothing.doing.values())) == ((), {Doing()})
    one = made(stats={"/lib/ld64.so.1": Unknown("no"), "/usr/sbin/libvirtd": entry("/usr/sbin/libvirtd")})
    assert one.get(AuditActors).arches == ()
    assert one.get(AuditActors).doing["secrets"].programs == ("/usr/sbin/libvirtd",)


def test_the_policy_is_known_to_have_the_types_of_files_of_programs_and_of_guests() -> None:
    contexts = "/usr/sbin/libvirtd\t--\tsystem_u:object_r:virtd_exec_t:s0\n/srv\t-d\t<<none>>\n"
    files = {**SELINUX, "/etc/selinux/targeted/contexts/files/file_contexts": contexts}
    types = made(files=files, stats=LABELLED).get(PolicyTypes).types
    assert types is not None
    assert set(types) == {"virtd_exec_t", "virtd_t", "svirt_t", "svirt_tcg_t", "virtqemud_t"}
    assert made(files=SELINUX, stats=LABELLED).get(PolicyTypes).types is None
    with pytest.raises(Absent):
        made().get(PolicyTypes)
