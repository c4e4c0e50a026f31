"""Guests run as an ordinary user, not as root."""

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.qemu_user_not_root import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.accounts import Accounts, Group, User
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.model import Evidence

HERE = Evidence("a line", path="/etc/passwd", line=2)
DEBIAN = Accounts(
    users={"libvirt-qemu": User("libvirt-qemu", 64055, 104, HERE), "toor": User("toor", 0, 0, HERE)},
    groups={"wheel0": Group("wheel0", 0, (), HERE), "kvm": Group("kvm", 104, (), HERE)},
)


def test_root_by_any_name_fails_with_the_distributions_user_as_the_fix() -> None:
    for name in ("root", "0", "+0", "toor"):
        user, group = judge(CONTROL, made(QemuConf(user=name, group="kvm"), DEBIAN))
        assert (user.result, user.message, group.result) == ("fail", f"user is {name}", "pass")
        assert user.fix[0].edit == SetConf("user", "libvirt-qemu")


def test_a_group_with_the_id_of_root_fails() -> None:
    assert results(CONTROL, made(QemuConf(user="qemu", group="wheel0"), DEBIAN)) == ["pass", "fail"]


def test_root_fails_where_the_hosts_users_cannot_be_read() -> None:
    user, group = judge(CONTROL, made(QemuConf(user="root", group="root")))
    assert (user.result, group.fix[0].edit) == ("fail", SetConf("group", "qemu"))


def test_what_the_packages_were_built_for_passes() -> None:
    assert results(CONTROL, made(QemuConf(), DEBIAN)) == ["pass", "pass"]


def test_a_default_that_cannot_be_told_is_unknown() -> None:
    assert results(CONTROL, made(QemuConf())) == ["unknown", "unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
