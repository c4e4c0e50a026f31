"""The firmware starts signed code only."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.secure_boot_on import CONTROL
from virtwarden.facts.boot_trust import SecureBoot
from virtwarden.model import Evidence

HERE = Evidence("byte 5 is 0", path="/sys/firmware/efi/efivars/SecureBoot")


def test_secure_boot_passes() -> None:
    assert results(CONTROL, made(SecureBoot(on=True, uefi=True, evidence=HERE))) == ["pass"]


def test_secure_boot_off_and_a_bios_fail() -> None:
    (off,) = judge(CONTROL, made(SecureBoot(on=False, uefi=True, evidence=HERE)))
    (bios,) = judge(CONTROL, made(SecureBoot(on=False, uefi=False, evidence=HERE)))
    assert (off.result, off.message) == ("fail", "Secure Boot is off")
    assert (bios.result, bios.message) == ("fail", "the host starts by a BIOS, which checks no signatures")


def test_a_host_without_either_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
