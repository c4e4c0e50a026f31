"""QEMU runs inside its seccomp sandbox."""

from tests.kit import judge, made, results
from virtwarden.controls.tcb.qemu_seccomp_on import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_a_sandbox_turned_off_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(QemuConf(seccomp_sandbox=0)))
    assert finding.result == "fail"
    assert finding.fix[0].edit == SetConf("seccomp_sandbox", 1)


def test_the_default_and_an_explicit_one_pass() -> None:
    assert results(CONTROL, made(QemuConf())) == ["pass"]
    assert results(CONTROL, made(QemuConf(seccomp_sandbox=1))) == ["pass"]
