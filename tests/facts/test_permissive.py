"""The SELinux types that somebody made permissive."""

import pytest

from tests.kit import entry, made
from virtwarden.facts.permissive import PermissiveTypes
from virtwarden.host import Absent, Host, Unknown

CONFIG = {"/etc/selinux/config": "SELINUX=enforcing\nSELINUXTYPE=targeted\n", "/sys/fs/selinux/enforce": "1"}
NEW = "/var/lib/selinux/targeted/active/modules"
RHEL7 = "/etc/selinux/targeted/active/modules"
RHEL6 = "/etc/selinux/targeted/modules/active/modules"


def host(*paths: str) -> Host:
    return made(files=CONFIG, stats=[entry(path, kind="dir") for path in paths])


@pytest.mark.parametrize(
    ("store", "module"),
    [
        (NEW, f"{NEW}/400/permissive_svirt_t"),
        (RHEL7, f"{RHEL7}/400/permissive_svirt_t"),
        (RHEL6, f"{RHEL6}/permissive_svirt_t.pp"),
        (RHEL6, f"{RHEL6}/permissive_svirt_t.pp.bz2"),
    ],
)
def test_modules_are_found_wherever_the_store_lies(store: str, module: str) -> None:
    found = host(store, module).get(PermissiveTypes)
    assert found.types == {"svirt_t": module}
    assert found.stores == (store,)


def test_a_store_without_such_modules_has_none() -> None:
    assert host(NEW, f"{NEW}/100/virt").get(PermissiveTypes).types == {}


def test_modules_that_are_disabled_and_those_of_another_policy_do_not_count() -> None:
    off = host(NEW, f"{NEW}/400/permissive_svirt_t", f"{NEW}/disabled/permissive_svirt_t")
    assert off.get(PermissiveTypes).types == {}
    other = "/var/lib/selinux/mls/active/modules"
    assert (
        host(NEW, other, f"{other}/400/permissive_svirt_t", f"{NEW}/400/permissive_").get(PermissiveTypes).types
        == {}
    )


def test_without_a_store_it_is_not_known() -> None:
    with pytest.raises(Unknown, match="the store of policy targeted was not found"):
        host().get(PermissiveTypes)


def test_without_selinux_there_are_none() -> None:
    with pytest.raises(Absent):
        made().get(PermissiveTypes)
