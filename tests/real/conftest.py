"""Fixtures of the libvirt tier: a real KVM host, started once for all tests that only read it."""

from collections.abc import Iterator

import pytest

from tests.real import guests
from tests.real.machine import Config, Machine
from tests.real.preconditions import why_not


@pytest.fixture(scope="session")
def real_hosts() -> None:
    """Skip the test, and say why, where no machine can be started."""
    if reason := why_not():
        pytest.skip(reason)


@pytest.fixture(scope="session")
def kvm_host(real_hosts: None) -> Iterator[Machine]:
    """The host `kvmhost` with six guests, four of them running. Tests leave it as they found it."""
    with Machine(Config(name="kvmhost")) as machine:
        guests.populate(machine)
        yield machine
