"""Tables of columns, read from texts and from this very machine."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.targets import CRYPTTAB, FSTAB, GROUP, PASSWD, SWAPS
from virtwarden.formats import Malformed, columns
from virtwarden.formats.columns import Crypt, Group, Mount, Swap, User


def test_fstab() -> None:
    assert columns.mounts(FSTAB) == (
        Mount("UUID=1-2", "/", "ext4", ("defaults", "errors=remount-ro"), 2),
        Mount("//srv/my share", "/mnt/a b", "cifs", ("_netdev",), 3),
        Mount("/dev/sr0", "/media", "iso9660", ("defaults",), 4),
    )


def test_crypttab() -> None:
    assert columns.crypttab(CRYPTTAB) == (
        Crypt("swap", "/dev/vda2", "/dev/urandom", ("swap", "cipher=aes-xts-plain64"), 1),
        Crypt("guest", "UUID=1", None, ("luks", "noauto"), 2),
    )
    assert columns.crypttab("a /dev/b\nc /dev/d -\n") == (
        Crypt("a", "/dev/b", None, (), 1),
        Crypt("c", "/dev/d", None, (), 2),
    )


def test_swaps() -> None:
    assert columns.swaps(SWAPS) == (Swap("/dev/dm-1", "partition", 2097148, 2),)
    assert columns.swaps("Filename\tType\tSize\tUsed\tPriority\n/a\\040b file 8 0 -2\n")[0].path == "/a b"


def test_passwd_and_group() -> None:
    assert columns.passwd(PASSWD) == (
        User("root", 0, 0, "/root", "/bin/bash", 1),
        User("libvirt-qemu", 64055, 109, "/var/lib/libvirt", "/sbin/nologin", 2),
    )
    assert columns.group(GROUP) == (Group("root", 0, (), 1), Group("kvm", 109, ("qemu", "libvirt-qemu"), 2))


@pytest.mark.parametrize(
    ("read", "text", "line"),
    [
        (columns.mounts, "proc /proc proc\n/dev/sda1 /x\n", 2),
        (columns.crypttab, "# c\n\nalone\n", 3),
        (columns.swaps, "Filename Type Size\n/dev/x partition\n", 2),
        (columns.swaps, "/dev/x partition many\n", 1),
        (columns.passwd, "root:x:0:0:root:/root\n", 1),
        (columns.passwd, "root:x:zero:0:root:/root:/bin/sh\n", 1),
        (columns.passwd, "root:x:-1:0:root:/root:/bin/sh\n", 1),
        (columns.passwd, "root:x:\u0663:0:root:/root:/bin/sh\n", 1),
        (columns.group, "kvm:x:" + "9" * 5000 + ":\n", 1),
        (columns.group, "kvm:x\n", 1),
    ],
)
def test_a_row_that_lacks_a_column_is_malformed(read: Callable[[str], object], text: str, line: int) -> None:
    with pytest.raises(Malformed) as refused:
        read(text)
    assert refused.value.line == line


def test_this_machine_has_the_accounts_that_it_says() -> None:
    users = {
        (user.name, user.uid, user.gid, user.home, user.shell)
        for user in columns.passwd(Path("/etc/passwd").read_text())
    }
    known = {(user.pw_name, user.pw_uid, user.pw_gid, user.pw_dir, user.pw_shell) for user in pwd.getpwall()}
    assert users <= known
    groups = {(group.name, group.gid, group.members) for group in columns.group(Path("/etc/group").read_text())}
    assert groups <= {(group.gr_name, group.gr_gid, tuple(group.gr_mem)) for group in grp.getgrall()}


def test_this_machine_has_the_mounts_that_it_says() -> None:
    mounts = columns.mounts(Path("/proc/mounts").read_text())
    assert any(mount.target == "/" for mount in mounts)
    assert all(mount.kind and mount.options for mount in mounts)
    listed = {mount.target for mount in mounts}
    assert all(os.path.ismount(path) for path in listed & {"/", "/proc", "/sys", "/dev"})


PATHS = st.text(st.characters(codec="utf-8", exclude_characters="\n\r\t "), min_size=1, max_size=9)


@given(path=st.lists(PATHS, min_size=1, max_size=3).map(" \t".join))
def test_blanks_in_a_column_are_written_in_octal(path: str) -> None:
    written = path.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")
    assert columns.mounts(f"/{written} /m ext4\n")[0].source == f"/{path}"
