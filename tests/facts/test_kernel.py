"""Sysctls and the boot line, on disk and in force."""

from unittest.mock import patch

import pytest

from tests.kit import NOW, Made, entry, made, refusing
from virtwarden.facts.kernel import Boot, Sysctls, sysctl_key
from virtwarden.host import Absent, Output, Unknown

ASKED = ("sysctl", "-a")


def test_the_kernel_is_asked_and_the_files_are_read() -> None:
    host = made(
        commands={ASKED: "net.ipv4.ip_forward = 1\nkernel.printk = 4\t4\t1\t7\n"},
        files={"/etc/sysctl.conf": "# x\nnet/ipv4/ip_forward=0\n"},
    )
    sysctls = host.get(Sysctls)
    assert sysctls.effective("net.ipv4.ip_forward").value == "1"
    assert sysctls.effective("kernel.printk").value == "4 4 1 7"
    configured = sysctls.configured("net.ipv4.ip_forward")
    assert configured is not None
    assert (configured.value, configured.evidence.where) == ("0", "/etc/sysctl.conf:2")


def test_a_key_that_the_kernel_lacks_is_absent_and_one_that_no_file_sets_is_none() -> None:
    sysctls = made(commands={ASKED: "a.b = 1\n"}).get(Sysctls)
    with pytest.raises(Absent):
        sysctls.effective("net.bridge.bridge-nf-call-iptables")
    assert sysctls.configured("a.b") is None


def test_files_rank_by_name_and_etc_masks_lib() -> None:
    host = made(
        files={
            "/usr/lib/sysctl.d/50-a.conf": "x.y = lib\nx.z = lib\n",
            "/etc/sysctl.d/50-a.conf": "x.y = etc\n",
            "/usr/lib/sysctl.d/90-b.conf": "-x.w = late\n",
            "/etc/sysctl.d/10-c.conf": "x.w = early\n",
        }
    )
    sysctls = host.get(Sysctls)
    assert [v.value if (v := sysctls.configured(key)) else None for key in ("x.y", "x.z", "x.w")] == [
        "etc",
        None,
        "late",
    ]


SYSTEMD = "/usr/lib/systemd/systemd-sysctl"
LINK = "/etc/sysctl.d/99-sysctl.conf"


def ordered(**files: str) -> str | None:
    """What the value of a.b is at boot where these files set it, and the files of a system are there."""
    names = {"single": "/etc/sysctl.conf", "late": "/etc/sysctl.d/99-z.conf", "early": "/etc/sysctl.d/10-a.conf"}
    systems = {"systemd": SYSTEMD, "red_hat": "/etc/rc.d/rc.sysinit", "link": LINK}
    paths = {names.get(name, systems.get(name, name)): text for name, text in files.items()}
    stats = {LINK: entry(LINK, real="/etc/sysctl.conf")} if "link" in files else {}
    found = made(files=paths, stats=stats).get(Sysctls).configured("a.b")
    return None if found is None else f"{found.value} {found.evidence.path}"


def test_systemd_reads_sysctl_conf_by_its_link_or_not_at_all() -> None:
    single, late, early = "a.b = single\n", "a.b = late\n", "a.b = early\n"
    assert ordered(single=single, link=single, early=early, systemd="") == "single /etc/sysctl.conf"
    assert ordered(single=single, link=single, late=late, systemd="") == "late /etc/sysctl.d/99-z.conf"
    assert ordered(single=single, early=early, systemd="") == "early /etc/sysctl.d/10-a.conf"
    assert ordered(single=single, systemd="") is None


def test_without_systemd_sysctl_conf_is_read_last_or_on_old_red_hats_first() -> None:
    single, early = "a.b = single\n", "a.b = early\n"
    assert ordered(single=single, early=early) == "single /etc/sysctl.conf"
    assert ordered(single=single, early=early, red_hat="") == "early /etc/sysctl.d/10-a.conf"
    assert ordered(single=single, red_hat="") == "single /etc/sysctl.conf"


def test_a_pattern_sets_what_no_line_names_and_not_across_dots() -> None:
    text = "n.conf.*.x = 1\nn.conf.eth0.x = 0\nn.*.x = 9\n"
    sysctls = made(files={"/etc/sysctl.d/a.conf": text}).get(Sysctls)
    found = [sysctls.configured(f"n.conf.{name}.x") for name in ("eth0", "br0", "a.b")]
    assert [value and value.value for value in found] == ["0", "1", None]


def test_of_two_names_of_a_switch_the_one_that_is_read_last_counts() -> None:
    files = {"/etc/sysctl.d/a.conf": "x.one = 0\nx.two = 1\n", "/etc/sysctl.d/b.conf": "x.one = 2\n"}
    sysctls = made(files=files).get(Sysctls)
    last = sysctls.set_last("x.two", "x.one")
    assert last is not None
    assert (last[0], last[1].value) == ("x.one", "2")
    assert sysctls.set_last("x.three") is None


def test_a_key_that_the_kernel_would_not_tell_is_unknown_and_not_absent() -> None:
    denied = Output(ASKED, 0, "a.b = 1\n", "sysctl: permission denied on key 'c.d'\n", NOW)
    with patch.object(Made, "run", return_value=denied):
        sysctls = made().get(Sysctls)
    with pytest.raises(Unknown, match="permission denied"):
        sysctls.effective("c.d")


def test_refusals_are_kept_apart() -> None:
    sysctls = made(files={"/etc/sysctl.conf": "a.b = 1\n"}).get(Sysctls)
    with pytest.raises(Unknown, match="sysctl is not installed"):
        sysctls.effective("a.b")
    assert sysctls.configured("a.b") is not None
    refused = refusing().get(Sysctls)
    with pytest.raises(Unknown, match="permission denied"):
        refused.configured("a.b")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("net.ipv4.ip_forward", "net.ipv4.ip_forward"),
        ("net/ipv4/conf/eth0.19/rp_filter", "net.ipv4.conf.eth0/19.rp_filter"),
        ("kernel", "kernel"),
    ],
)
def test_both_separators_mean_the_same(written: str, meant: str) -> None:
    assert sysctl_key(written) == meant


def test_the_boot_line_in_force_and_those_to_come() -> None:
    host = made(
        files={
            "/proc/cmdline": "BOOT_IMAGE=/vmlinuz root=/dev/sda1 audit=1 quiet\n",
            "/etc/default/grub": 'GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX="audit=1 audit=0"\n',
            "/boot/grub/grub.cfg": "menuentry 'Debian' {\n\tlinux\t/vmlinuz root=/dev/sda1 ro quiet\n}\n",
        }
    )
    boot = host.get(Boot)
    assert boot.running().value("audit") == "1"
    assert boot.running().value("quiet") == ""
    (entry,) = boot.configured()
    assert (entry.value("audit"), entry.evidence.where) == (None, "/boot/grub/grub.cfg:2")


def test_a_template_counts_where_the_loader_has_no_lines_and_the_last_argument_wins() -> None:
    host = made(files={"/etc/default/grub": "GRUB_CMDLINE_LINUX='audit=1 audit=0'\n"})
    (entry,) = host.get(Boot).configured()
    assert entry.value("audit") == "0"
    with pytest.raises(Unknown, match="boot line in force"):
        host.get(Boot).running()


def test_red_hat_six_and_loader_entries_and_kernel_install() -> None:
    host = made(
        files={
            "/boot/grub/menu.lst": "title RHEL (2.6.32)\n\troot (hd0,0)\n\tkernel /vmlinuz-2.6.32 ro audit=1\n",
            "/boot/loader/entries/a.conf": "title x\noptions root=UUID=1 ro audit=1\n",
            "/etc/kernel/cmdline": "root=UUID=1 audit-backlog_limit=8192\n\n",
        }
    )
    boot = host.get(Boot)
    assert [entry.value("audit") for entry in boot.configured()] == ["1", "1"]
    assert [e.value("audit_backlog_limit") for e in boot.entries if e.is_template] == ["8192"]


def test_an_entry_of_the_loader_specification_is_one_line_whatever_its_kernel_is_called() -> None:
    path = "/boot/loader/entries/8b1d-5.14.0.conf"
    text = (
        "title AlmaLinux (5.14.0) 9.6\nversion 5.14.0\nlinux /vmlinuz-5.14.0\n# options audit=0\n"
        "options root=/dev/mapper/alma-root ro\noptions audit=1 $tuned_params\ngrub_users $grub_users\n"
    )
    (found,) = made(files={path: text}).get(Boot).configured()
    assert (found.value("audit"), found.evidence.where) == ("1", f"{path}:5")
    (bare,) = made(files={"/efi/loader/entries/x.conf": "title x\nlinux /vmlinuz\n"}).get(Boot).configured()
    assert (bare.arguments, bare.evidence.line) == ((), 2)
    with pytest.raises(Unknown):
        made(files={path: "title x\n"}).get(Boot).configured()


def test_red_hat_seven_with_uefi_has_its_lines_on_the_efi_partition() -> None:
    stub = "search --no-floppy --fs-uuid --set=dev 1234\nexport prefix\nconfigfile $prefix/grub.cfg\n"
    real = "menuentry 'RHEL 7' {\n\tlinuxefi /vmlinuz-3.10.0 root=/dev/sda ro audit=1\n}\n"
    files = {"/boot/efi/EFI/redhat/grub.cfg": real, "/boot/efi/EFI/ubuntu/grub.cfg": stub}
    assert [entry.value("audit") for entry in made(files=files).get(Boot).configured()] == ["1"]


def test_a_template_does_not_stand_in_for_lines_that_are_refused() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {
        "/etc/default/grub": 'GRUB_CMDLINE_LINUX="audit=1"\n',
        "/boot/grub/grub.cfg": Unknown("/boot/grub/grub.cfg: permission denied"),
    }
    with pytest.raises(Unknown, match=r"grub\.cfg: permission denied"):
        made(files=files).get(Boot).configured()
    files["/boot/grub2/grub.cfg"] = "linux /vmlinuz audit=1\n"
    assert len(made(files=files).get(Boot).configured()) == 1


def test_one_file_under_two_names_is_read_once() -> None:
    text = "title RHEL\n\tkernel /vmlinuz-2.6.32 ro audit=1\n"
    names = ("/boot/grub/menu.lst", "/boot/grub/grub.conf")
    stats = {name: entry(name, real=names[1]) for name in names}
    boot = made(files=dict.fromkeys(names, text), stats=stats).get(Boot)
    assert [found.evidence.where for found in boot.entries] == [f"{names[0]}:2"]


def test_no_boot_loader_at_all_is_unknown() -> None:
    with pytest.raises(Unknown):
        made().get(Boot).configured()
    with pytest.raises(Unknown, match="permission denied"):
        refusing().get(Boot).configured()


def test_arguments_that_red_hat_eight_keeps_for_all_entries_stand_in_their_place() -> None:
    entry = {"/boot/loader/entries/a.conf": "title x\noptions $kernelopts $tuned_params\n"}
    shared = made(files={**entry, "/boot/grub2/grubenv": "# GRUB\nkernelopts=root=/dev/sda1 audit=1\n####"})
    unset = made(files={**entry, "/boot/grub2/grubenv": "saved_entry=0\n"})
    assert [line.value("audit") for line in shared.get(Boot).configured()] == ["1"]
    assert unset.get(Boot).configured()[0].arguments == ("$kernelopts", "$tuned_params")
