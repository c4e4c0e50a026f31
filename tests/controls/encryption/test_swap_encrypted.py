"""Swap is encrypted."""

from tests.kit import judge, results
from tests.storagehost import LV, REFUSED, Files, block, store
from virtwarden.controls.encryption.swap_encrypted import CONTROL
from virtwarden.facts.policy import Encryption, Policy
from virtwarden.host import Host, Unknown
from virtwarden.model import State

HEAD = "Filename\tType\tSize\tUsed\tPriority\n"
DISKS = {
    **block("vda1"),
    **block("vda2"),
    **block("dm-0", name="cryptswap", uuid="CRYPT-PLAIN-cryptswap", below="vda2"),
}


def host(
    live: str = "", fstab: str | Unknown = "", mounts: str = "/dev/vda1 / ext4 rw 0 0\n", more: Files | None = None
) -> Host:
    return store(
        files={**DISKS, "/proc/swaps": HEAD + live, "/etc/fstab": fstab, "/proc/mounts": mounts, **(more or {})}
    )


def test_no_swap_passes_in_both_states() -> None:
    found = judge(CONTROL, host())
    assert [(f.result.value, f.state) for f in found] == [("pass", State.ON_DISK), ("pass", State.IN_FORCE)]


def test_plain_swap_fails_where_it_is_used_and_where_it_will_be() -> None:
    on_disk, in_force = judge(CONTROL, host("/dev/vda2 partition 2097148 0 -2\n", "/dev/vda2 none swap sw 0 0\n"))
    assert (on_disk.result, on_disk.evidence[0].where) == ("fail", "/etc/fstab:1")
    assert (in_force.result, in_force.evidence[0].where) == ("fail", "/proc/swaps:2")
    assert "/dev/urandom" in in_force.fix[0].edit.steps  # type: ignore[union-attr]
    mapped = block("dm-1", name="vg-swap", uuid=LV)
    (in_force,) = judge(CONTROL, host("/dev/dm-1 partition 2097148 0 -2\n", more=mapped))[1:]
    assert "swapoff /dev/mapper/vg-swap;" in in_force.fix[0].edit.steps  # type: ignore[union-attr]


def test_an_encrypted_device_passes_and_so_does_compressed_memory() -> None:
    live = "/dev/dm-0 partition 2097148 0 -2\n/dev/zram0 partition 100 0 100\n"
    fstab = "/dev/mapper/cryptswap none swap sw 0 0\n"
    assert results(CONTROL, host(live, fstab)) == ["pass", "pass", "pass"]
    table = {"/etc/crypttab": "later UUID=1 /dev/urandom swap\n"}
    (on_disk, _) = judge(CONTROL, host("", "/dev/mapper/later none swap sw 0 0\n", more=table))
    assert (on_disk.result, on_disk.message) == ("pass", "is the volume later of crypttab")


def test_a_swap_file_is_as_safe_as_its_file_system() -> None:
    assert results(CONTROL, host("/swapfile file 2097148 0 -2\n", "/swapfile none swap sw 0 0\n")) == [
        "fail",
        "fail",
    ]
    encrypted = "/dev/mapper/cryptswap / ext4 rw 0 0\n"
    assert results(CONTROL, host("/swapfile file 2097148 0 -2\n", "", encrypted)) == ["pass", "pass"]


def test_fstab_may_name_a_device_by_its_uuid() -> None:
    world = host("", 'UUID="1-2" none swap sw 0 0\n')
    assert results(CONTROL, world) == ["unknown", "pass"]


def test_what_cannot_be_read_is_unknown() -> None:
    assert results(CONTROL, host(fstab=REFUSED)) == ["unknown", "pass"]
    assert results(CONTROL, store(files={"/proc/swaps": REFUSED})) == ["pass", "unknown"]
    assert results(CONTROL, store(files={"/proc/swaps": "/dev/vda2 partition many\n"})) == ["pass", "unknown"]
    blind = {"/sys/class/block/*/size": REFUSED, "/proc/swaps": HEAD + "/dev/vda2 partition 1 0 -2\n"}
    assert results(CONTROL, store(files=blind)) == ["pass", "unknown"]
    assert results(CONTROL, host(fstab="one\n")) == ["unknown", "pass"]


def test_the_policy_may_do_without() -> None:
    policy = Policy(encryption=Encryption(require_swap=False))
    assert results(CONTROL, store(facts=[policy])) == ["notapplicable"]
