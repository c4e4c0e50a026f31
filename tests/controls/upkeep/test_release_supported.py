"""The host's distribution still gets security updates."""

from datetime import UTC, datetime

import pytest

from tests.kit import Made, judge, made, refusing, results
from virtwarden.controls.upkeep.release_supported import CONTROL
from virtwarden.host import Host

DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_ID="12"\nID=debian\n'


def test_a_supported_release_passes_with_its_line() -> None:
    (finding,) = judge(CONTROL, made(files={"/etc/os-release": DEBIAN}))
    assert (finding.result, finding.message[-10:]) == ("pass", "2028-06-30")
    assert (finding.evidence[0].path, finding.evidence[0].line) == ("/etc/os-release", 1)


def test_the_day_of_the_scan_decides() -> None:
    source = Made(files={"/etc/os-release": DEBIAN}, taken_at=datetime(2028, 7, 1, tzinfo=UTC))
    assert results(CONTROL, Host(source)) == ["fail"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/etc/redhat-release", "Red Hat Enterprise Linux Server release 6.2 (Santiago)\n"),
        ("/etc/SuSE-release", "SUSE Linux Enterprise Server 11 (x86_64)\nVERSION = 11\nPATCHLEVEL = 1\n"),
        ("/etc/os-release", 'ID="centos"\nNAME="CentOS Linux"\nVERSION_ID="7"\n'),
        ("/etc/os-release", 'ID="fedora"\nVERSION_ID="25"\n'),
    ],
)
def test_the_blueprints_releases_and_other_old_ones_fail(path: str, text: str) -> None:
    assert results(CONTROL, made(files={path: text})) == ["fail"]


def test_a_release_that_is_not_known_is_unknown_and_one_without_end_is_not_judged() -> None:
    assert results(CONTROL, made(files={"/etc/os-release": "ID=mylinux\nVERSION_ID=1\n"})) == ["unknown"]
    assert results(CONTROL, made(files={"/etc/os-release": 'ID="opensuse-tumbleweed"\n'})) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
