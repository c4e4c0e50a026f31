"""QEMU's user is not a member of the group disk."""

from tests.kit import judge, made, results
from virtwarden.controls.storage.qemu_user_not_in_disk_group import CONTROL
from virtwarden.edits import Do, SetConf
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host

PASSWD = "root:x:0:0:root:/root:/bin/sh\nlibvirt-qemu:x:64055:{gid}::/var/lib/libvirt:/usr/sbin/nologin\n"
GROUP = "root:x:0:\ndisk:x:6:{members}\nkvm:x:106:\n"
DEFAULTS = QemuConf()
SSS = {"/etc/nsswitch.conf": "group: files sss\n"}


def host(members: str = "", gid: int = 106, conf: QemuConf = DEFAULTS, more: dict[str, str] | None = None) -> Host:
    files = {"/etc/passwd": PASSWD.format(gid=gid), "/etc/group": GROUP.format(members=members), **(more or {})}
    return made(conf, files=files)


def test_a_user_outside_it_passes() -> None:
    assert results(CONTROL, host()) == ["pass"]


def test_a_member_fails_by_name_and_by_primary_group() -> None:
    (finding,) = judge(CONTROL, host("backup,libvirt-qemu"))
    assert (finding.result, finding.subject.name, finding.message) == (
        "fail",
        "libvirt-qemu",
        "is a member of disk",
    )
    assert [cited.where for cited in finding.evidence] == ["/etc/group:2", "/etc/passwd:2"]
    assert results(CONTROL, host(gid=6)) == ["fail"]


def test_a_user_that_qemu_conf_names_counts_and_so_does_its_group() -> None:
    assert results(CONTROL, host("root", conf=QemuConf(user="root", group="disk"))) == ["fail", "fail", "pass"]
    assert results(CONTROL, host(conf=QemuConf(user="+64055", group="+6"))) == ["fail", "pass"]


def test_the_group_is_set_to_the_users_own_where_that_can_be_seen() -> None:
    for conf in (QemuConf(user="root", group="disk"), QemuConf(group="disk")):
        assert judge(CONTROL, host(conf=conf))[0].fix[0].edit == SetConf("group", "kvm")
    strange = {"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n"}
    for case in (host(gid=6, conf=QemuConf(group="disk")), host(conf=QemuConf(group="disk"), more=strange)):
        assert isinstance(judge(CONTROL, case)[0].fix[0].edit, Do)


def test_members_that_a_directory_may_add_are_unknown() -> None:
    (finding,) = judge(CONTROL, host(more=SSS))
    assert (finding.result, finding.message) == ("unknown", "is no member by /etc/group; sss was not asked")


def test_nobody_to_judge() -> None:
    files = {"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": GROUP.format(members="")}
    assert results(CONTROL, made(QemuConf(), files=files)) == ["notapplicable"]
    assert results(CONTROL, made(QemuConf(), files={**files, "/etc/group": "root:x:0:\n"})) == ["notapplicable"]
