"""A baseline of the host's files is kept, to tell what somebody changed."""

from tests.kit import entry, judge, made, refusing, results
from virtwarden.controls.upkeep.integrity_baseline_kept import CONTROL
from virtwarden.host import Unknown

AIDE = entry("/usr/sbin/aide", mode=0o755)


def test_a_program_with_a_baseline_passes() -> None:
    assert results(CONTROL, made(stats=[AIDE, entry("/var/lib/aide/aide.db.gz", mode=0o600)])) == ["pass"]


def test_no_program_and_no_baseline_fail() -> None:
    (nothing,) = judge(CONTROL, made())
    (empty,) = judge(CONTROL, made(stats=[AIDE]))
    assert (nothing.result, nothing.message) == ("fail", "no program keeps a baseline of files")
    assert (empty.result, empty.message) == ("fail", "/usr/sbin/aide is installed and has no baseline")


def test_a_directory_that_is_refused_is_unknown() -> None:
    host = made(files={"/var/lib/aide/aide.db": Unknown("denied")}, stats=[AIDE])
    assert results(CONTROL, host) == ["unknown"]
    assert results(CONTROL, refusing()) == ["unknown"]
