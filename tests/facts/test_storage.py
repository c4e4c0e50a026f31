"""Pools, mounts, swap, crypttab, secrets and what libvirt leaves behind, where their text is odd."""

from __future__ import annotations

import pytest

from tests.kit import made, refusing
from tests.storagehost import LIBVIRT, block, texts
from virtwarden.facts.atrest import encrypted_beneath
from virtwarden.facts.crypttab import Crypttab
from virtwarden.facts.leftovers import Leftovers
from virtwarden.facts.mounts import Mounts, Table, is_network
from virtwarden.facts.pools import Pools
from virtwarden.facts.secrets import Secrets
from virtwarden.facts.swap import Swap
from virtwarden.host import Absent, Unknown

REFUSED = Unknown("permission denied")


def test_the_nearest_mount_holds_a_path_and_a_later_one_hides_an_earlier() -> None:
    table = "/dev/a / ext4 rw 0 0\n/dev/b /srv xfs rw 0 0\n/dev/c /srv\\040x xfs rw 0 0\nnas:/v /srv nfs4 rw 0 0\n"
    mounts = made(files={"/proc/mounts": table}).get(Mounts)
    found = {path: mounts.holding(path)[0].source for path in ("/", "/srv/y/z", "/srvy", "/srv x/y")}
    assert found == {"/": "/dev/a", "/srv/y/z": "nas:/v", "/srvy": "/dev/a", "/srv x/y": "/dev/c"}
    assert mounts.holding("/srv")[1].line == 4
    assert isinstance(mounts.configured, Table)


@pytest.mark.parametrize("table", ["", "junk\n", "/dev/b /srv xfs rw 0 0\n", REFUSED, Absent("no /proc")])
def test_what_a_path_lies_on_may_be_unknown(table: str | Unknown | Absent) -> None:
    with pytest.raises(Unknown):
        made(files={"/proc/mounts": table}).get(Mounts).holding("/x")


def test_network_file_systems_are_told() -> None:
    assert [is_network(kind) for kind in ("nfs4", "fuse.sshfs", "cifs", "fuseblk", "ext4")] == [
        True,
        True,
        True,
        False,
        False,
    ]


def test_what_lies_in_memory_or_on_another_machine_is_not_encrypted_here() -> None:
    for row in ("tmpfs / tmpfs rw 0 0\n", "nas:/x / nfs rw 0 0\n"):
        assert encrypted_beneath(made(files={"/proc/mounts": row}), "/x") is None
    with pytest.raises(Unknown, match="whether /dev/a is encrypted"):
        encrypted_beneath(made(files={"/proc/mounts": "/dev/a / ext4 rw 0 0\n"}), "/x")
    gone = {"/proc/mounts": "/dev/root / ext4 rw 0 0\n", **block("sda")}
    with pytest.raises(Unknown, match=r"whether /dev/root \(ext4\) is encrypted"):
        encrypted_beneath(made(files=gone), "/x")


def test_definitions_of_pools_that_cannot_be_read_are_kept_as_such() -> None:
    files = {
        "/etc/libvirt/storage/a.xml": REFUSED,
        "/etc/libvirt/storage/b.xml": "<pool",
        "/etc/libvirt/storage/c.xml": Absent("gone"),
        "/etc/libvirt/storage/d.xml": "<network/>",
        "/etc/libvirt/storage/e.xml": (
            "<pool type='dir'><name>e</name><target><path>/e</path>"
            "<permissions><mode>rwx</mode></permissions></target></pool>"
        ),
        "/run/libvirt/storage/*.xml": REFUSED,
    }
    pools = made(LIBVIRT, files=texts(files)).get(Pools)
    assert [evidence.path for evidence in pools.unread] == [
        "/etc/libvirt/storage/a.xml",
        "/etc/libvirt/storage/b.xml",
    ]
    assert (pools.pools["e"].mode, pools.pools["e"].volume("x")) == (None, "/e/x")


def test_swap_in_fstab_is_named_in_many_ways() -> None:
    fstab = (
        "UUID=1-2 none swap sw 0 0\n/swapfile none swap sw 0 0\nLABEL=sw none swap sw 0 0\n/dev/a / ext4 rw 0 1\n"
    )
    swap = made(files={"/etc/fstab": fstab, "/proc/swaps": Absent("none")}).get(Swap)
    assert not isinstance(swap.configured, Unknown)
    assert [(area.path, area.is_file) for area in swap.configured] == [
        ("/dev/disk/by-uuid/1-2", False),
        ("/swapfile", True),
        ("/dev/disk/by-label/sw", False),
    ]
    assert isinstance(swap.live, Unknown)


def test_crypttab_is_absent_where_there_is_none() -> None:
    with pytest.raises(Absent):
        made().get(Crypttab)
    with pytest.raises(Unknown):
        refusing().get(Crypttab)


def test_secrets_that_go_away_or_cannot_be_read_are_still_listed() -> None:
    base = "/etc/libvirt/secrets/"
    files = {f"{base}a.base64": Absent("gone"), f"{base}b.xml": REFUSED, f"{base}c.xml": "<secret/>"}
    found = made(LIBVIRT, files=texts(files)).get(Secrets).secrets
    assert [(secret.uuid, secret.usage, secret.plain) for secret in found] == [("b", "", None), ("c", "", None)]


def test_a_snapshot_that_goes_away_is_passed_over() -> None:
    path = "/var/lib/libvirt/qemu/snapshot/web/a.xml"
    left = made(LIBVIRT, files={path: Absent("gone")}).get(Leftovers)
    assert (left.memory, left.former, left.unread) == ((), {}, ())
