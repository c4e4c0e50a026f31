"""libvirt starts no guest without a security label."""

from tests.kit import judge, made, results
from virtwarden.controls.svirt.unconfined_guests_refused import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_default_fails() -> None:
    (finding,) = judge(CONTROL, made(QemuConf()))
    assert finding.result == "fail"
    assert finding.fix[0].edit == SetConf("security_require_confined", 1)


def test_refusing_them_passes() -> None:
    assert results(CONTROL, made(QemuConf(security_require_confined=True))) == ["pass"]
