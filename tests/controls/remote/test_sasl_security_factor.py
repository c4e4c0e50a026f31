"""SASL over plain TCP has to encrypt with at least 112 bits."""

import pytest

from tests.kit import judge, results
from tests.remotehost import DEBIAN, LISTENING, remote_host
from virtwarden.controls.remote.sasl_security_factor import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Unknown

TCP = "listen_tcp = 1\n"


@pytest.mark.parametrize(
    ("line", "result"), [("", "fail"), ("tcp_min_ssf = 112\n", "pass"), ("tcp_min_ssf = 56\n", "fail")]
)
def test_the_number_decides_where_plain_tcp_is_offered(line: str, result: str) -> None:
    (finding,) = judge(CONTROL, remote_host(TCP + line, files=LISTENING))
    assert finding.result == result
    assert [change.edit for change in finding.fix] == ([SetConf("tcp_min_ssf", 112)] if result == "fail" else [])


def test_an_old_libvirt_cannot_be_told() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 10, 2))
    (finding,) = judge(CONTROL, remote_host(TCP + "tcp_min_ssf = 112\n", files=LISTENING, libvirt=old))
    assert finding.result == "fail"
    assert isinstance(finding.fix[0].edit, Do)


def test_it_does_not_apply_where_plain_tcp_is_off() -> None:
    assert results(CONTROL, remote_host("", files=DEBIAN)) == ["notapplicable"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, remote_host(Unknown("permission denied"), files=LISTENING)) == ["unknown"]
