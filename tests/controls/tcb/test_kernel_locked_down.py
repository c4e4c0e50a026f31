"""The kernel is locked down where the start of the host is protected, or the policy asks for it."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.kernel_locked_down import CONTROL
from virtwarden.facts.boot_trust import Lockdown, SecureBoot
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.host import Unknown
from virtwarden.model import Evidence

HERE = Evidence("[none] integrity confidentiality", path="/sys/kernel/security/lockdown", line=1)
VARIABLE = Evidence("byte 5", path="/sys/firmware/efi/efivars/SecureBoot")
NONE = Lockdown("none", HERE)
ON = SecureBoot(on=True, uefi=True, evidence=VARIABLE)
OFF = SecureBoot(on=False, uefi=True, evidence=VARIABLE)
REQUIRED = Policy(tcb=Tcb(require_lockdown=True))


def test_a_locked_kernel_passes() -> None:
    assert results(CONTROL, made(Lockdown("integrity", HERE))) == ["pass"]
    assert results(CONTROL, made(Lockdown("confidentiality", HERE), REQUIRED)) == ["pass"]


def test_secure_boot_without_lockdown_fails() -> None:
    (finding,) = judge(CONTROL, made(NONE, ON))
    assert (finding.result, finding.evidence) == ("fail", (HERE, VARIABLE))


def test_a_policy_that_asks_for_it_fails_without_secure_boot_and_without_lockdown_too() -> None:
    assert results(CONTROL, made(NONE, OFF, REQUIRED)) == ["fail"]
    assert results(CONTROL, made(REQUIRED)) == ["fail"]


def test_without_secure_boot_nobody_asks_for_it() -> None:
    assert results(CONTROL, made(NONE, OFF)) == ["notapplicable"]
    assert results(CONTROL, made(NONE)) == ["notapplicable"]


def test_a_secure_boot_that_cannot_be_told_is_unknown() -> None:
    assert results(CONTROL, made(NONE, stats={"/sys/firmware/efi": Unknown("denied")})) == ["unknown"]
    assert results(CONTROL, refusing()) == ["unknown"]
