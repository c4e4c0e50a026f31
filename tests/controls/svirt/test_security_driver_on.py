"""libvirt confines guests with SELinux or AppArmor."""

from tests.kit import judge, made, results
from tests.svirthost import NOTHING, SELINUX, apparmor
from virtwarden.controls.svirt.security_driver_on import CONTROL
from virtwarden.edits import RemoveLine
from virtwarden.facts.confinement import Confinement
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Unknown
from virtwarden.model import Evidence, State

CONF = QemuConf()


def test_what_the_kernel_has_passes() -> None:
    for conf in (CONF, QemuConf(security_driver=("selinux",)), QemuConf(security_driver=())):
        disk, live = judge(CONTROL, made(conf, SELINUX))
        assert (disk.result, disk.state) == ("pass", State.ON_DISK)
        assert (live.result, live.message, live.state) == ("pass", "the kernel runs SELinux", State.IN_FORCE)


def test_none_in_qemu_conf_fails() -> None:
    disk, live = judge(CONTROL, made(QemuConf(security_driver=("none",)), SELINUX))
    assert (disk.result, disk.message) == ("fail", "libvirt is told to confine no guest")
    assert disk.fix[0].edit == RemoveLine("security_driver")
    assert live.result == "pass"


def test_a_kernel_without_either_fails() -> None:
    _, live = judge(CONTROL, made(CONF, NOTHING))
    assert (live.result, live.message) == ("fail", "the kernel runs neither SELinux nor AppArmor")


def test_apparmor_needs_the_daemons_profile() -> None:
    for name in ("libvirtd", "/usr/sbin/virtqemud"):
        assert results(CONTROL, made(CONF, apparmor({name: "complain"}))) == [
            "pass",
            "unknown",
            "pass",
        ]
    _, _, live = judge(CONTROL, made(CONF, apparmor({"virt-aa-helper": "enforce"})))
    assert live.message == "AppArmor has no profile of libvirt's daemon, so that libvirt confines no guest"
    assert live.evidence


def test_each_side_is_told_without_the_other() -> None:
    unlisted = Confinement("apparmor", Evidence("Y"), None, "permission denied")
    assert results(CONTROL, made(CONF, unlisted)) == ["pass", "unknown", "unknown"]
    libvirt = Libvirt(frozenset({"libvirtd"}), modular=False)
    host = made(libvirt, SELINUX, files={"/etc/libvirt/qemu.conf": Unknown("permission denied")})
    assert results(CONTROL, host) == ["unknown", "pass"]


def test_what_an_image_is_set_up_for_is_not_what_runs() -> None:
    image = Confinement("selinux", Evidence("SELINUX=enforcing", path="/etc/selinux/config"), state=State.ON_DISK)
    _, live = judge(CONTROL, made(CONF, image))
    assert (live.result, live.state) == ("unknown", State.IN_FORCE)
    assert live.message == "what the running kernel has; the system is set up for selinux"


def test_hosts_without_libvirt_are_not_judged() -> None:
    assert results(CONTROL, made(SELINUX)) == ["notapplicable"]


def test_a_kernel_line_that_turns_apparmor_off_fails_for_the_next_boot() -> None:
    lines = "title SLES\n\tkernel /vmlinuz root=/dev/sda2{}\ntitle Failsafe\n\tkernel /vmlinuz apm=off\n"
    for word, result in ((" apparmor=0", "fail"), (" security=selinux", "fail"), (" security=apparmor", "pass")):
        host = made(CONF, apparmor({"libvirtd": "enforce"}), files={"/boot/grub/menu.lst": lines.format(word)})
        _, boot, _ = judge(CONTROL, host)
        assert (boot.result, boot.state) == (result, State.ON_DISK)
        assert boot.evidence[0].where == "/boot/grub/menu.lst:2"
