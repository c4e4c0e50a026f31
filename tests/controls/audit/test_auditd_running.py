"""The audit daemon starts at boot and runs."""

from tests.kit import judge, made, refusing
from virtwarden.controls.audit.auditd_running import CONTROL
from virtwarden.host import Host

FILES = ("systemctl", "list-unit-files", "--no-legend", "--no-pager", "--plain", "--full")
UNITS = ("systemctl", "list-units", "--all", "--no-legend", "--no-pager", "--plain", "--full")
ENABLED = "auditd.service enabled enabled\n"
ACTIVE = "auditd.service loaded active running Security Auditing Service\n"
DEAD = "auditd.service loaded inactive dead Security Auditing Service\n"
STATUS = "enabled 1\nfailure 1\npid {}\nrate_limit 0\nbacklog_limit 8192\nlost 0\nbacklog 0\n"


def host(files: str = ENABLED, units: str = ACTIVE, status: str | None = None) -> Host:
    commands: dict[tuple[str, ...], str] = {FILES: files, UNITS: units}
    if status is not None:
        commands["auditctl", "-s"] = status
    return made(commands=commands)


def results(on: Host) -> list[str]:
    return [finding.result.value for finding in judge(CONTROL, on)]


def test_enabled_and_known_to_the_kernel_passes() -> None:
    assert results(host(status=STATUS.format(832))) == ["pass", "pass"]


def test_systemd_is_believed_where_auditctl_is_refused() -> None:
    assert results(host()) == ["pass", "pass"]
    assert results(host(units=DEAD)) == ["pass", "fail"]


def test_no_daemon_in_the_kernel_fails_even_if_the_unit_is_active() -> None:
    (_, runs) = judge(CONTROL, host(status=STATUS.format(0)))
    assert (runs.result, runs.message) == ("fail", "no audit daemon runs")


def test_a_masked_unit_fails_and_says_so() -> None:
    findings = judge(CONTROL, host(files="auditd.service masked enabled\n"))
    assert (findings[0].result, findings[0].message) == ("fail", "auditd.service is masked")
    assert findings[0].fix


def test_a_host_without_the_unit_fails() -> None:
    findings = judge(CONTROL, host(files="sshd.service enabled enabled\n"))
    assert findings[0].message == "auditd.service does not start at boot"


def test_from_audit_four_on_the_loader_must_be_enabled_too() -> None:
    assert results(host(files=ENABLED + "audit-rules.service disabled enabled\n")) == ["pass", "fail", "pass"]
    assert results(host(files=ENABLED + "audit-rules.service enabled enabled\n")) == ["pass", "pass", "pass"]


def test_a_mounted_image_is_judged_by_its_links() -> None:
    files = {"/etc/systemd/system/multi-user.target.wants/auditd.service": ""}
    assert results(made(files=files)) == ["pass", "unknown"]
    assert results(made(files={"/etc/rc.d/rc3.d/S11auditd": ""})) == ["pass", "unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(refusing()) == ["unknown", "unknown"]
