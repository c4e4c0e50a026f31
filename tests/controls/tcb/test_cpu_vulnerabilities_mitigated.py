"""The kernel mitigates every fault of the processor that it knows of."""

import pytest

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.cpu_vulnerabilities_mitigated import CONTROL
from virtwarden.edits import RemoveLine, SetLine
from virtwarden.facts.cpu import Cpu
from virtwarden.facts.kernel import Value
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host
from virtwarden.model import Evidence

STRICT = Policy(tcb=Tcb(allow_smt=False))


def saying(sentence: str) -> Cpu:
    evidence = Evidence(sentence, path="/sys/devices/system/cpu/vulnerabilities/mds", line=1)
    return Cpu({"mds": Value(sentence, evidence)}, {})


def result(sentence: str, policy: Policy | None = None, *more: QemuConf) -> str:
    host: Host = made(saying(sentence), policy or Policy(), *more)
    return results(CONTROL, host)[0]


@pytest.mark.parametrize(
    "sentence",
    [
        "Not affected",
        "Mitigation: PTI",
        "Mitigation: Retpolines; IBPB: conditional; STIBP: disabled; RSB filling; BHI: Not affected",
        "KVM: Mitigation: VMX disabled",
        "Mitigation: Speculative Store Bypass disabled via prctl",
    ],
)
def test_what_is_mitigated_passes(sentence: str) -> None:
    assert result(sentence) == "pass"


@pytest.mark.parametrize(
    "sentence",
    [
        "Vulnerable",
        "Vulnerable: Safe RET, no microcode",
        "Vulnerable: Clear CPU buffers attempted, no microcode; SMT vulnerable",
        "KVM: Vulnerable",
        "Mitigation: PTE Inversion; VMX: vulnerable",
        "Mitigation: Enhanced / Automatic IBRS; IBPB: conditional; RSB filling; PBRSB-eIBRS: Vulnerable",
        "Mitigation: Retpolines; BHI: Vulnerable, KVM: SW loop",
        "Processor vulnerable",
    ],
)
def test_what_is_vulnerable_in_part_or_whole_fails(sentence: str) -> None:
    (finding,) = judge(CONTROL, made(saying(sentence)))
    assert (finding.result, finding.message) == ("fail", sentence)
    assert finding.evidence[0].line == 1


def test_mitigations_that_the_boot_line_turns_off_are_first_turned_on() -> None:
    booted = {"/proc/cmdline": "ro quiet mitigations=off nopti\n"}
    (finding,) = judge(CONTROL, made(saying("Vulnerable"), files=booted))
    assert [change.edit for change in finding.fix] == [RemoveLine("mitigations=off"), RemoveLine("nopti")]
    (finding,) = judge(CONTROL, made(saying("Vulnerable"), files={"/proc/cmdline": "ro quiet\n"}))
    assert "newest kernel and microcode" in str(finding.fix[0].edit)


def test_what_the_kernel_cannot_tell_is_unknown() -> None:
    assert result("Unknown: Dependent on hypervisor status") == "unknown"


@pytest.mark.parametrize(
    "sentence",
    [
        "Mitigation: Clear CPU buffers; SMT vulnerable",
        "Mitigation: Clear CPU buffers; SMT Host state unknown",
        "Mitigation: PTE Inversion; VMX: conditional cache flushes, SMT vulnerable",
    ],
)
def test_shared_cores_are_for_the_policy_to_accept_or_for_the_scheduler_to_part(sentence: str) -> None:
    assert result(sentence) == "pass"
    assert result(sentence, STRICT) == "fail"
    assert judge(CONTROL, made(saying(sentence), STRICT))[0].fix[0].edit == SetLine(
        "mitigations", "auto,nosmt", "="
    )
    assert result(sentence, STRICT, QemuConf(sched_core="vcpus")) == "pass"
    assert result(sentence, STRICT, QemuConf(sched_core="none")) == "fail"


def test_a_file_that_is_refused_is_unknown_beside_the_others() -> None:
    cpu = Cpu(saying("Not affected").vulnerabilities, {"retbleed": "denied"})
    assert results(CONTROL, made(cpu)) == ["pass", "unknown"]


def test_a_kernel_that_says_nothing_is_unknown() -> None:
    assert results(CONTROL, made()) == ["unknown"]
    assert results(CONTROL, refusing()) == ["unknown"]
