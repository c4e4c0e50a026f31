"""The boot line turns no mitigation of a processor's faults off."""

import pytest

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.mitigations_not_disabled import CONTROL
from virtwarden.edits import RemoveLine
from virtwarden.host import Absent, Host, Unknown

GRUB = "menuentry 'Debian' {{\n\tlinux\t/vmlinuz-6.1.0-18-amd64 root=/dev/vda1 ro {0}\n}}\n"


def host_of(disk: str = "quiet", now: str = "quiet") -> Host:
    return made(
        files={
            "/proc/cmdline": f"BOOT_IMAGE=/vmlinuz root=/dev/vda1 ro {now}\n",
            "/boot/grub/grub.cfg": GRUB.format(disk) + GRUB.format("quiet"),
            "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"\n',
        }
    )


@pytest.mark.parametrize(
    "argument",
    ["mitigations=off", "nopti", "spectre_v2=off", "mds=off", "kvm-intel.vmentry_l1d_flush=never", "noibpb"],
)
def test_a_switch_that_turns_something_off_fails_on_disk_and_in_force(argument: str) -> None:
    disk, now = judge(CONTROL, host_of(argument, argument))
    assert (disk.result, str(disk.subject), disk.state) == ("fail", "file /boot/grub/grub.cfg", "on disk")
    assert (now.result, now.state, now.evidence[0].path) == ("fail", "in force", "/proc/cmdline")
    assert argument.replace("-", "_") in disk.message.replace("-", "_")
    assert isinstance(disk.fix[0].edit, RemoveLine)


@pytest.mark.parametrize(
    "said",
    [
        "mitigations=auto,no_guest_host",
        "'mitigations=auto;no_guest_guest'",
        "mitigations=auto,nosmt,no_user_kernel",
        "mitigations=off,nosmt",
        "ssbd=force-off",
        "kpti=0",
        "no_rfi_flush",
    ],
)
def test_leaving_an_attacker_out_fails(said: str) -> None:
    assert results(CONTROL, host_of(disk=said)) == ["fail", "pass"]


def test_leaving_guests_out_fails_in_force() -> None:
    assert results(CONTROL, host_of(now="mitigations=auto,no_guest_host")) == ["pass", "fail"]


def test_the_strict_forms_and_none_pass() -> None:
    assert results(CONTROL, host_of("mitigations=auto,nosmt", "mds=full,nosmt")) == ["pass", "pass"]


def test_a_grub_legacy_host_is_judged() -> None:
    menu = "title SLES\n    kernel /boot/vmlinuz root=/dev/sda2 mitigations=off\n"
    host = made(files={"/boot/grub/menu.lst": menu, "/proc/cmdline": "root=/dev/sda2\n"})
    assert results(CONTROL, host) == ["fail", "pass"]


def test_a_template_alone_is_no_answer_where_the_boot_loader_is_refused() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {
        "/proc/cmdline": "ro\n",
        "/boot/grub/grub.cfg": Unknown("/boot/grub/grub.cfg: permission denied"),
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet"\n',
    }
    assert results(CONTROL, made(files=files)) == ["unknown", "pass"]


def test_a_line_whose_arguments_stand_elsewhere_is_unknown() -> None:
    entry = "title RHEL 8\noptions $kernelopts $tuned_params\n"
    host = made(files={"/boot/loader/entries/a.conf": entry, "/proc/cmdline": "ro\n"})
    assert results(CONTROL, host) == ["unknown", "pass"]


def test_arguments_that_all_entries_share_count() -> None:
    files = {
        "/boot/loader/entries/a.conf": "title RHEL 8\noptions $kernelopts $tuned_params\n",
        "/boot/grub2/grubenv": "# GRUB Environment Block\nkernelopts=root=/dev/vda1 ro mitigations=off\n######\n",
        "/proc/cmdline": "ro\n",
    }
    assert results(CONTROL, made(files=files)) == ["fail", "pass"]


def test_an_image_is_judged_on_disk_alone() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {
        "/boot/grub/grub.cfg": GRUB.format("quiet"),
        "/proc/cmdline": Unknown("an image does not run"),
    }
    assert results(CONTROL, made(files=files)) == ["pass", "unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown", "unknown"]
