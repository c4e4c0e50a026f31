"""libvirt starts no guest without a security label."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.svirt.unconfined_guests_refused import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Unknown
from virtwarden.model import Evidence


def test_libvirts_default_fails() -> None:
    on = Confinement("apparmor", Evidence("Y"))
    (finding,) = judge(CONTROL, made(QemuConf(), on))
    assert finding.result == "fail"
    assert [change.edit for change in finding.fix] == [SetConf("security_require_confined", 1)]


@pytest.mark.parametrize("known", [(Confinement("none", Evidence("N")),), ()])
def test_without_a_security_module_libvirt_would_not_start_with_it(known: tuple[Confinement, ...]) -> None:
    unread = {"/sys/module/apparmor/parameters/enabled": Unknown("permission denied")}
    (finding,) = judge(CONTROL, made(QemuConf(), *known, files=unread))
    assert [change.safety for change in finding.fix] == ["manual", "safe"]


def test_refusing_them_passes() -> None:
    assert results(CONTROL, made(QemuConf(security_require_confined=True))) == ["pass"]
