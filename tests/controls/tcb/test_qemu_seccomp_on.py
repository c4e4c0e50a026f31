"""QEMU runs inside its seccomp sandbox."""

import pytest

from tests.kit import NOW, judge, made, results
from virtwarden.controls.tcb.qemu_seccomp_on import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.conffile import ConfText
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Text

OF_TODAY = Libvirt(frozenset({"libvirtd"}), modular=False, version=(10, 0, 0))
PATH = "/etc/libvirt/qemu.conf"


def of_version(*version: int) -> Libvirt:
    return Libvirt(frozenset({"libvirtd"}), modular=False, version=version or None)  # type: ignore[arg-type]


def test_a_sandbox_turned_off_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, made(OF_TODAY, QemuConf(seccomp_sandbox=0)))
    assert finding.result == "fail"
    assert finding.fix[0].edit == SetConf("seccomp_sandbox", 1)


def test_the_default_and_an_explicit_one_pass() -> None:
    assert results(CONTROL, made(OF_TODAY, QemuConf())) == ["pass"]
    assert results(CONTROL, made(OF_TODAY, QemuConf(seccomp_sandbox=1))) == ["pass"]


@pytest.mark.parametrize(
    ("version", "value", "result"),
    [((3, 0, 0), -1, "fail"), ((3, 0, 0), 1, "pass"), ((0, 9, 4), -1, "fail"), ((0, 9, 4), 1, "fail")],
)
def test_old_libvirt_leaves_it_off_by_itself_or_cannot(version: tuple[int, ...], value: int, result: str) -> None:
    assert results(CONTROL, made(of_version(*version), QemuConf(seccomp_sandbox=value))) == [result]


def test_the_default_of_a_version_that_is_not_known() -> None:
    assert results(CONTROL, made(of_version(), QemuConf())) == ["unknown"]
    packaged = ConfText(PATH, Text(PATH, "#seccomp_sandbox = 1\n#remember_owner = 1\n", NOW))
    assert results(CONTROL, made(of_version(), QemuConf(file=packaged))) == ["pass"]
