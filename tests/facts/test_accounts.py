"""Users and groups of the host, and where else it takes them from."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.accounts import ROOT_EQUIVALENT, Accounts
from virtwarden.host import Absent, Unknown

PASSWD = "root:x:0:0:root:/root:/bin/bash\nqemu:x:107:107:qemu user:/:/sbin/nologin\n+::::::\nbroken\n"
GROUP = "root:x:0:\nkvm:x:36:qemu, alice\nlibvirt:!::\nbroken:x\n"
GETENT = ("getent", "group", *ROOT_EQUIVALENT)
FILES = {"/etc/passwd": PASSWD, "/etc/group": GROUP}
Commands = dict[tuple[str, ...], str | tuple[int, str] | Unknown | Absent]


def answering(code: int, text: str) -> Commands:
    return {GETENT: (code, text)}


def test_users_and_groups_are_read_with_their_lines() -> None:
    accounts = made(files=FILES).get(Accounts)
    assert sorted(accounts.users) == ["qemu", "root"]
    assert accounts.groups["kvm"].members == ("qemu", "alice")
    assert accounts.groups["kvm"].evidence.line == 2
    assert [user.name for user in accounts.primary(accounts.groups["root"])] == ["root"]
    assert "libvirt" not in accounts.groups


def test_the_name_service_counts_more_than_the_files() -> None:
    host = made(files=FILES, commands=answering(2, "kvm:x:36:qemu,carol\nlibvirt:*:987:dave\n"))
    accounts = host.get(Accounts)
    assert accounts.groups["kvm"].members == ("qemu", "carol")
    assert accounts.groups["libvirt"].evidence.argv == GETENT
    assert accounts.elsewhere == ()


def test_without_the_name_service_its_sources_are_named() -> None:
    switch = "passwd: files sss\n# group: nis\ngroup:  files [SUCCESS=merge] sss systemd # x\n"
    for commands in ({}, answering(1, "")):
        accounts = made(files={**FILES, "/etc/nsswitch.conf": switch}, commands=commands).get(Accounts)
        assert accounts.elsewhere == ("sss",)
        assert accounts.switch is not None
        assert accounts.switch.line == 3


def test_a_host_that_names_no_sources_has_files_alone() -> None:
    assert made(files={**FILES, "/etc/nsswitch.conf": "passwd: files\n"}).get(Accounts).elsewhere == ()


def test_accounts_that_cannot_be_read_are_unknown() -> None:
    with pytest.raises(Unknown):
        refusing().get(Accounts)
