"""The host's clock follows a time server."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.upkeep.time_synchronised import CONTROL
from virtwarden.edits import Do, SetState
from virtwarden.facts.units import Unit, Units
from virtwarden.model import Evidence

LISTED = Evidence("a unit", argv=("systemctl", "list-unit-files"), code=0)


def listed(**states: str) -> dict[str, Unit]:
    return {f"{name}.service": Unit(f"{name}.service", state, LISTED) for name, state in states.items()}


def test_a_time_service_passes() -> None:
    assert results(CONTROL, made(Units(listed(chronyd="enabled"), listed(chronyd="active")))) == ["pass", "pass"]
    assert results(CONTROL, made(Units(listed(ntp="generated"), listed(ntp="active")))) == ["pass", "pass"]


def test_one_that_is_installed_and_off_fails_and_is_enabled() -> None:
    disk, now = judge(CONTROL, made(Units(listed(chrony="disabled"), listed(chrony="inactive"))))
    assert (disk.result, now.result) == ("fail", "fail")
    assert (disk.fix[0].document.name, disk.fix[0].edit) == ("chrony.service", SetState("enabled"))


def test_a_host_without_one_fails_and_a_masked_one_is_no_use() -> None:
    for units in (Units(listed(sshd="enabled"), {}), Units(listed(ntpd="masked"), {})):
        disk, now = judge(CONTROL, made(units))
        assert (disk.result, now.result) == ("fail", "fail")
        assert isinstance(disk.fix[0].edit, Do)
        assert disk.evidence


def test_units_that_cannot_be_told_are_unknown() -> None:
    assert results(CONTROL, made(Units({}, None, "an image"))) == ["unknown", "unknown"]
    assert results(CONTROL, refusing()) == ["unknown"]
