"""The host runs guests and serves nothing else."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.upkeep.host_runs_virtualization_only import CONTROL
from virtwarden.edits import SetState
from virtwarden.facts.policy import Policy, Upkeep
from virtwarden.facts.units import Unit, Units
from virtwarden.model import Evidence

LISTED = Evidence("a unit", argv=("systemctl", "list-unit-files"), code=0)


def listed(**states: str) -> dict[str, Unit]:
    names = {name.replace("__", "."): state for name, state in states.items()}
    return {name: Unit(name, state, LISTED) for name, state in names.items()}


def test_a_server_that_starts_and_one_that_runs_fail_with_the_fix() -> None:
    units = Units(listed(httpd__service="enabled", libvirtd__service="enabled"), listed(httpd__service="active"))
    disk, now = judge(CONTROL, made(units))
    assert (disk.result, disk.message, disk.state) == (
        "fail",
        "a web server starts at boot: httpd.service",
        "on disk",
    )
    assert (now.result, now.message, now.state) == ("fail", "a web server runs: httpd.service", "in force")
    assert (disk.fix[0].document.name, disk.fix[0].edit) == ("httpd.service", SetState("disabled"))


def test_sockets_and_old_start_scripts_count() -> None:
    units = Units(listed(cups__socket="enabled", nfs__service="generated"), {})
    assert results(CONTROL, made(units)) == ["fail", "fail", "pass"]


def test_servers_that_do_not_start_pass() -> None:
    units = Units(listed(rpcbind__service="disabled", smbd__service="masked", named__service="static"), listed())
    assert results(CONTROL, made(units)) == ["pass", "pass"]


def test_units_that_the_policy_wants_pass() -> None:
    units = Units(listed(cockpit__socket="enabled", snmpd__service="enabled"), listed(cockpit__socket="active"))
    policy = Policy(upkeep=Upkeep(services=("cockpit.*", "snmpd")))
    assert results(CONTROL, made(units, policy)) == ["pass", "pass"]


def test_units_that_cannot_be_told_are_unknown() -> None:
    assert results(CONTROL, made(Units({}, None, "an image"))) == ["unknown", "unknown"]
    assert results(CONTROL, refusing()) == ["unknown"]
