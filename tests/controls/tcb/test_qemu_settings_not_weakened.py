"""No setting that loosens QEMU for testing or for old hardware is left on."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.qemu_settings_not_weakened import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.qemu_conf import QemuConf


def test_libvirts_defaults_pass() -> None:
    assert results(CONTROL, made(QemuConf())) == ["pass"] * 4


def test_each_setting_that_loosens_fails_with_its_fix() -> None:
    weak = QemuConf(
        relaxed_acs_check=True,
        clear_emulator_capabilities=False,
        capability_filters=("virtio-net",),
        allow_disk_format_probing=True,
    )
    findings = judge(CONTROL, made(weak))
    assert [finding.result for finding in findings] == ["fail"] * 4
    assert [finding.fix[0].edit for finding in findings] == [
        SetConf("relaxed_acs_check", 0),
        SetConf("clear_emulator_capabilities", 1),
        SetConf("capability_filters", ()),
        SetConf("allow_disk_format_probing", 0),
    ]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
