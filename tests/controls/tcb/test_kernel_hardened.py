"""The kernel tells ordinary users little and lets them do less."""

from tests.kit import judge, made, refusing
from virtwarden.controls.tcb.kernel_hardened import CONTROL, KEXEC
from virtwarden.edits import Do, SetLine, SetState
from virtwarden.facts.kernel import Sysctls, Value
from virtwarden.model import Evidence, Finding

ANSWER = Evidence("", argv=("sysctl", "-a"), code=0)
GOOD = {
    "kernel.kptr_restrict": "2",
    "kernel.dmesg_restrict": "1",
    "kernel.yama.ptrace_scope": "1",
    "kernel.unprivileged_bpf_disabled": "2",
    "kernel.kexec_load_disabled": "1",
    "fs.suid_dumpable": "0",
    "vm.unprivileged_userfaultfd": "0",
}


def files(path: str = "/etc/sysctl.d/50-hardening.conf", **values: str) -> dict[str, Value]:
    return {key.replace("__", "."): Value(value, Evidence("", path=path, line=1)) for key, value in values.items()}


def of(key: str, sysctls: Sysctls) -> list[Finding]:
    return [finding for finding in judge(CONTROL, made(sysctls)) if finding.subject.name == key]


def test_a_hardened_kernel_passes_on_every_switch() -> None:
    disk = {key: Value(value, ANSWER) for key, value in GOOD.items()}
    findings = judge(CONTROL, made(Sysctls(GOOD, ANSWER, disk)))
    assert {finding.result for finding in findings} == {"pass"}
    assert len(findings) == 2 * len(GOOD)


def test_a_wrong_value_fails_in_both_states_with_the_fixes() -> None:
    wrong = Sysctls(GOOD | {"kernel.dmesg_restrict": "0"}, ANSWER, files(kernel__dmesg_restrict="0"))
    now, disk = of("kernel.dmesg_restrict", wrong)
    assert (now.result, now.message, now.fix[0].edit) == ("fail", "it is 0", SetState("1"))
    assert (disk.result, disk.fix[0].edit) == ("fail", SetLine("kernel.dmesg_restrict", "1"))
    assert disk.fix[0].document.name == "/etc/sysctl.d/99-virt-warden.conf"


def test_the_file_that_is_read_last_is_the_one_to_change() -> None:
    for path in ("/etc/sysctl.conf", "/etc/sysctl.d/zz-local.conf"):
        disk = files(path, kernel__kptr_restrict="0")
        finding = of("kernel.kptr_restrict", Sysctls(GOOD, ANSWER, disk))[1]
        assert finding.fix[0].document.name == path


def test_a_packages_file_that_is_read_after_ours_is_outdone_and_not_changed() -> None:
    for name, own in (("elastic", "zz-virt-warden"), ("10-a", "99-")):
        disk = files(f"/usr/lib/sysctl.d/{name}.conf", kernel__kptr_restrict="0")
        finding = of("kernel.kptr_restrict", Sysctls(GOOD, ANSWER, disk))[1]
        assert finding.fix[0].document.name.startswith(f"/etc/sysctl.d/{own}")


def test_a_value_that_no_file_sets_fails_unless_the_kernels_default_is_right() -> None:
    sysctls = Sysctls(GOOD, ANSWER, {})
    _, ptrace = of("kernel.yama.ptrace_scope", sysctls)
    _, dumpable = of("fs.suid_dumpable", sysctls)
    assert (ptrace.result, ptrace.message, ptrace.evidence[0].path) == ("fail", "no file sets it", "/etc/sysctl.d")
    assert dumpable.result == "pass"


def test_kexec_is_left_to_a_person() -> None:
    now, disk = of("kernel.kexec_load_disabled", Sysctls({"kernel.kexec_load_disabled": "0"}, ANSWER, {}))
    assert (now.fix[0].edit, disk.fix[0].edit) == (Do(KEXEC), Do(KEXEC))


def test_a_switch_that_the_kernel_lacks_is_not_judged() -> None:
    (finding,) = of("vm.unprivileged_userfaultfd", Sysctls({"kernel.kptr_restrict": "1"}, ANSWER, {}))
    assert finding.result == "notapplicable"


def test_each_side_may_be_unknown_without_the_other() -> None:
    now, disk = of("kernel.kptr_restrict", Sysctls(None, None, files(kernel__kptr_restrict="2"), "no /proc"))
    assert (now.result, disk.result) == ("unknown", "pass")
    now, disk = of("kernel.kptr_restrict", Sysctls(GOOD, ANSWER, None, "denied"))
    assert (now.result, disk.result) == ("pass", "unknown")


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert {finding.result for finding in judge(CONTROL, refusing())} == {"unknown"}


def test_what_the_kernel_does_not_take_back_is_left_to_a_person() -> None:
    key = "kernel.unprivileged_bpf_disabled"
    now, disk = of(key, Sysctls({key: "0"}, ANSWER, {}))
    assert (now.fix[0].safety, disk.fix[0].safety) == ("manual", "safe")
