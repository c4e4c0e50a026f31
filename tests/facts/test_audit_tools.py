"""Which version of the audit tools is installed."""

from __future__ import annotations

import pytest

from tests.kit import made
from virtwarden.facts.audit_tools import AuditTools
from virtwarden.host import Absent, Unknown


@pytest.mark.parametrize(
    ("said", "takes_exe", "lists_right"),
    [
        ("auditctl version 2.3.7\n", False, False),
        ("auditctl version 2.5\n", True, False),
        ("auditctl version 3.0.9\n", True, False),
        ("auditctl version 4.0.2\n", True, True),
        ("auditctl version 4.1\n", True, True),
    ],
)
def test_what_it_takes_and_how_it_lists_follow_from_its_version(
    said: str, takes_exe: bool, lists_right: bool
) -> None:
    tools = made(commands={("auditctl", "-v"): said}).get(AuditTools)
    assert (tools.takes_exe, tools.lists_exe_right) == (takes_exe, lists_right)


def test_a_host_without_it_and_one_that_does_not_tell() -> None:
    with pytest.raises(Absent):
        made().get(AuditTools)
    for said in ("", "auditctl version four\n", "auditctl version " + "9" * 5000):
        with pytest.raises(Unknown):
            made(commands={("auditctl", "-v"): said}).get(AuditTools)
