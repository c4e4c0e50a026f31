"""The host runs the newest kernel that is installed on it."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.upkeep.kernel_current import CONTROL
from virtwarden.host import Host


def host_of(running: str, *installed: str) -> Host:
    images = {f"/boot/vmlinuz-{release}": "" for release in installed}
    return made(files={"/proc/sys/kernel/osrelease": f"{running}\n", **images})


def test_an_older_kernel_than_the_newest_fails() -> None:
    host = host_of("5.14.0-427.9.1.el9_4.x86_64", "5.14.0-427.9.1.el9_4.x86_64", "5.14.0-427.13.1.el9_4.x86_64")
    (finding,) = judge(CONTROL, host)
    assert finding.result == "fail"
    assert finding.message == "5.14.0-427.9.1.el9_4.x86_64 runs, and 5.14.0-427.13.1.el9_4.x86_64 is installed"
    assert finding.evidence[1].path == "/boot/vmlinuz-5.14.0-427.13.1.el9_4.x86_64"


def test_the_newest_passes() -> None:
    assert results(CONTROL, host_of("6.1.0-18-amd64", "6.1.0-9-amd64", "6.1.0-18-amd64")) == ["pass"]


def test_other_flavours_and_rescue_kernels_do_not_count() -> None:
    host = host_of("6.8.0-31-generic", "6.8.0-31-generic", "6.9.0-1-lowlatency", "0-rescue-9f86d081884c")
    assert results(CONTROL, host) == ["pass"]


def test_without_an_image_of_its_kind_it_is_unknown() -> None:
    assert results(CONTROL, host_of("6.18.5")) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
