"""Running guests hold a lock on their disks."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.storage.image_locking_on import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_no_lock_manager_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(QemuConf()))
    assert (finding.result, finding.message) == (
        "fail",
        "it is not set: two guests may write to one disk",
    )
    assert finding.fix[0].edit == SetConf("lock_manager", "lockd")


@pytest.mark.parametrize("manager", ["lockd", "sanlock"])
def test_either_of_the_two_passes(manager: str) -> None:
    assert results(CONTROL, made(QemuConf(lock_manager=manager))) == ["pass"]
