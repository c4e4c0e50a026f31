"""Incoming migrations are awaited on one network."""

import pytest

from tests.kit import made, results
from virtwarden.controls.console.migration_address_limited import CONTROL
from virtwarden.facts.qemu_conf import QemuConf


@pytest.mark.parametrize(
    ("address", "result"),
    [("0.0.0.0", "fail"), ("::", "fail"), ("[::]", "fail"), ("192.0.2.7", "pass"), ("kvm7-migration", "pass")],
)
def test_the_address_decides(address: str, result: str) -> None:
    assert results(CONTROL, made(QemuConf(migration_address=address))) == [result]


def test_libvirts_default_fails() -> None:
    assert results(CONTROL, made(QemuConf())) == ["fail"]
