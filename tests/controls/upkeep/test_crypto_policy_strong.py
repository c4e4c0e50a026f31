"""The system-wide cryptographic policy is not weakened."""

import pytest

from tests.kit import judge, made, refusing, results
from virtwarden.controls.upkeep.crypto_policy_strong import CONTROL
from virtwarden.host import Host

CONFIG = "/etc/crypto-policies/config"
CURRENT = "/etc/crypto-policies/state/current"


def host_of(policy: str, applied: str | None = None) -> Host:
    files = {CONFIG: f"# This file should contain a single keyword\n\n{policy}\n"}
    return made(files=files if applied is None else {**files, CURRENT: f"{applied}\n"})


@pytest.mark.parametrize("policy", ["LEGACY", "legacy", "DEFAULT:SHA1", "FUTURE:AD-SUPPORT-LEGACY"])
def test_a_weakened_policy_fails(policy: str) -> None:
    disk, now = judge(CONTROL, host_of(policy, policy))
    assert (disk.result, disk.evidence[0].line, now.result) == ("fail", 3, "fail")


@pytest.mark.parametrize("policy", ["DEFAULT", "FIPS", "FUTURE", "DEFAULT:NO-SHA1", "FIPS:OSPP"])
def test_a_strong_policy_passes(policy: str) -> None:
    assert results(CONTROL, host_of(policy, policy)) == ["pass", "pass"]


def test_a_policy_that_was_not_applied_yet_fails_in_force_alone() -> None:
    assert results(CONTROL, host_of("DEFAULT", "LEGACY")) == ["pass", "fail"]


def test_what_was_applied_may_not_be_known() -> None:
    assert results(CONTROL, host_of("DEFAULT")) == ["pass", "unknown"]
    assert results(CONTROL, host_of("")) == ["unknown"]


def test_a_host_without_such_a_policy_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
