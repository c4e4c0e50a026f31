"""Incoming migrations are awaited on one network."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.console.migration_address_limited import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.policy import Network, Policy
from virtwarden.facts.qemu_conf import QemuConf


@pytest.mark.parametrize(
    ("address", "result"),
    [("0.0.0.0", "fail"), ("::", "fail"), ("[::]", "fail"), ("192.0.2.7", "pass"), ("kvm7-migration", "pass")],
)
def test_the_address_decides(address: str, result: str) -> None:
    assert results(CONTROL, made(QemuConf(migration_address=address))) == [result]


def test_libvirts_default_fails() -> None:
    assert results(CONTROL, made(QemuConf())) == ["fail"]


def test_the_policys_address_is_set_and_without_one_a_person_is_asked() -> None:
    policy = Policy(network=Network(migration_address="192.0.2.7"))
    (finding,) = judge(CONTROL, made(QemuConf(), policy))
    assert finding.fix[0].edit == SetConf("migration_address", "192.0.2.7")
    assert isinstance(judge(CONTROL, made(QemuConf()))[0].fix[0].edit, Do)
