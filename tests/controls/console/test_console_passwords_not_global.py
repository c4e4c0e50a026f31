"""No console password stands in qemu.conf."""

import pytest

from tests.kit import judge, made, results
from tests.remotehost import MONOLITHIC
from virtwarden.controls.console.console_passwords_not_global import CONTROL
from virtwarden.edits import RemoveLine


@pytest.mark.parametrize("key", ["vnc_password", "spice_password", "rdp_password"])
def test_a_password_fails_and_the_fix_takes_it_out(key: str) -> None:
    host = made(MONOLITHIC, files={"/etc/libvirt/qemu.conf": f'{key} = "[redacted]"\n'})
    (finding,) = [f for f in judge(CONTROL, host) if f.result == "fail"]
    assert (finding.subject.name, finding.fix[0].edit) == (key, RemoveLine(key))
    assert finding.evidence[0].where == "/etc/libvirt/qemu.conf:1"


def test_none_and_an_empty_one_pass() -> None:
    assert results(CONTROL, made(MONOLITHIC)) == ["pass"] * 3
    assert (
        results(CONTROL, made(MONOLITHIC, files={"/etc/libvirt/qemu.conf": 'vnc_password = ""\n'})) == ["pass"] * 3
    )
