"""Strangers cannot use up libvirt's connections."""

import pytest

from tests.kit import judge, results
from tests.remotehost import MODULAR, remote_host
from virtwarden.controls.remote.client_numbers_limited import CONTROL
from virtwarden.edits import SetConf
from virtwarden.host import Unknown


def test_libvirts_defaults_pass() -> None:
    assert results(CONTROL, remote_host("")) == ["pass"] * 3
    assert results(CONTROL, remote_host("", libvirt=MODULAR)) == ["pass"] * 3


@pytest.mark.parametrize(
    ("key", "default"), [("max_anonymous_clients", 20), ("max_clients", 5000), ("max_queued_clients", 1000)]
)
def test_no_limit_fails_with_the_fix(key: str, default: int) -> None:
    (failed,) = (each for each in judge(CONTROL, remote_host(f"{key} = 0\n")) if each.result == "fail")
    assert (failed.message, failed.fix[0].edit) == (f"{key} is 0: there is no limit", SetConf(key, default))


def test_strangers_may_not_take_all_of_them() -> None:
    assert "fail" in results(CONTROL, remote_host("max_anonymous_clients = 50\nmax_clients = 50\n"))
    assert "fail" not in results(CONTROL, remote_host("max_anonymous_clients = 49\nmax_clients = 50\n"))


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, remote_host(Unknown("permission denied"))) == ["unknown"]
