"""No encrypted volume is opened by a key that lies in the clear beside it."""

import pytest

from tests.kit import guest, judge, made, results
from tests.storagehost import OPEN, REFUSED, Files, block, disk, node, store, volume
from virtwarden.controls.encryption.key_files_off_the_disk import CONTROL
from virtwarden.host import Host

TABLE = "/etc/crypttab"


def host(row: str, more: Files | None = None) -> Host:
    return store(files={**block("vda1"), TABLE: row + "\n", **(more or {})})


@pytest.mark.parametrize(
    "row",
    [
        "data UUID=1 none luks",
        "data UUID=1",
        "swap /dev/vda2 /dev/urandom swap",
        "data UUID=1 /etc/keys/x luks,tpm2-device=auto",
        "data UUID=1 vda1 luks,keyscript=decrypt_derived",
        "data UUID=1 rootkey luks",
        "data UUID=1 /run/keys/data luks",
        "data UUID=1 /key:LABEL=stick luks",
    ],
)
def test_a_passphrase_a_token_and_a_random_key_pass(row: str) -> None:
    assert results(CONTROL, host(row)) == ["pass"]


def test_a_key_file_in_the_clear_fails() -> None:
    (finding,) = judge(CONTROL, host("# volumes\ndata /dev/vg/data /etc/keys/data.key luks"))
    assert (finding.result, finding.message) == ("fail", "its key /etc/keys/data.key lies in the clear")
    assert finding.evidence[0].where == f"{TABLE}:2"
    assert "luksRemoveKey /dev/vg/data" in finding.fix[0].edit.steps  # type: ignore[union-attr]


def test_a_key_that_systemd_finds_by_itself_counts() -> None:
    found = {"/etc/cryptsetup-keys.d/data.key": b"x"}
    assert results(CONTROL, host("data UUID=1 none luks", more=found)) == ["fail"]
    unseen = {"/etc/cryptsetup-keys.d/*.key": REFUSED}
    assert results(CONTROL, host("data UUID=1 - luks", more=unseen)) == ["unknown"]


def test_a_key_on_an_encrypted_volume_passes() -> None:
    root = {
        **block("dm-0", name="root", uuid="CRYPT-LUKS2-1-root"),
        "/proc/mounts": "/dev/mapper/root / ext4 rw 0 0\n",
    }
    assert results(CONTROL, host("data UUID=1 /etc/keys/data.key luks", more=root)) == ["pass"]
    assert results(CONTROL, host("data UUID=1 /etc/k luks", more={"/proc/mounts": REFUSED})) == ["unknown"]


def test_a_guests_volume_waits_for_its_guest() -> None:
    row = {TABLE: "guest01-img /dev/vg/guest01-crypt none luks\n"}
    early = judge(CONTROL, store(guest(OPEN), files={**volume(), **row}, stats=[node()]))
    assert [(f.result.value, f.message) for f in early] == [
        ("pass", "it asks for a passphrase"),
        ("fail", "is a disk of web and opened at boot"),
    ]
    row = {TABLE: "guest01-img /dev/vg/guest01-crypt none luks,noauto\n"}
    assert results(CONTROL, store(guest(disk() + OPEN), files=row)) == ["pass", "pass"]
    blind = {**row, "/sys/class/block/*/size": REFUSED}
    assert results(CONTROL, store(guest(OPEN), files=blind, stats=[node()])) == ["pass", "pass"]


def test_a_host_without_libvirt_is_judged_too() -> None:
    assert results(CONTROL, made(files={TABLE: "data UUID=1 none luks\n"})) == ["pass"]


def test_what_cannot_be_read_is_unknown_and_nothing_is_not_judged() -> None:
    assert results(CONTROL, host("data")) == ["unknown"]
    assert results(CONTROL, host("# nothing")) == ["notapplicable"]
    world = store(files={TABLE: "data UUID=1 none luks\n"})
    world._facts.clear()
    world.source.files["/etc/libvirt/qemu.conf"] = ""  # type: ignore[attr-defined]
    world.source.files["/etc/libvirt/qemu/*.xml"] = REFUSED  # type: ignore[attr-defined]
    assert results(CONTROL, world) == ["pass", "unknown"]
