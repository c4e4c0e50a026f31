"""libvirt gives images to a guest for as long as it runs, and takes them back."""

from tests.kit import judge, made, results
from virtwarden.controls.svirt.ownership_restored import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host


def host(conf: QemuConf, version: tuple[int, int, int] | None = (9, 0, 0)) -> Host:
    return made(conf, Libvirt(frozenset({"libvirtd"}), modular=False, version=version))


def test_libvirts_defaults_pass() -> None:
    assert results(CONTROL, host(QemuConf())) == ["pass", "pass"]
    assert results(CONTROL, host(QemuConf(), None)) == ["pass", "pass"]


def test_either_of_them_off_fails_with_its_fix() -> None:
    owner, remembered = judge(CONTROL, host(QemuConf(dynamic_ownership=False)))
    assert (owner.result, remembered.result) == ("fail", "pass")
    assert owner.fix[0].edit == SetConf("dynamic_ownership", 1)
    assert results(CONTROL, host(QemuConf(remember_owner=False))) == ["pass", "fail"]


def test_libvirt_that_remembers_nobody_is_not_asked_to() -> None:
    assert results(CONTROL, host(QemuConf(), (0, 10, 2))) == ["pass"]
