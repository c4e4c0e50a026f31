"""None of the SELinux types of guests and libvirt is permissive."""

import pytest

from tests.kit import judge, made, results
from virtwarden.controls.svirt.domains_enforced import CONTROL
from virtwarden.facts.permissive import PermissiveTypes

STORE = "/var/lib/selinux/targeted/active/modules"


@pytest.mark.parametrize("name", ["svirt_t", "svirt_tcg_t", "virtd_t", "virtqemud_t", "qemu_t"])
def test_a_permissive_type_of_guests_or_libvirt_fails(name: str) -> None:
    path = f"{STORE}/400/permissive_{name}"
    (finding,) = judge(CONTROL, made(PermissiveTypes({name: path, "httpd_t": "/x"}, (STORE,))))
    assert (finding.result, finding.message, finding.evidence[0].path) == ("fail", f"{name} is permissive", path)
    assert finding.fix[0].edit.steps == f"semanage permissive -d {name}"  # type: ignore[union-attr]


def test_other_types_are_the_sites_business() -> None:
    (finding,) = judge(CONTROL, made(PermissiveTypes({"httpd_t": "/x"}, (STORE,))))
    assert (finding.result, finding.evidence[0].path) == ("pass", STORE)


def test_hosts_without_selinux_are_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]
