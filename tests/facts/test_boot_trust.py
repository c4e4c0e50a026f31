"""What protects the start of the host: Secure Boot, the kernel's lockdown, a password on the boot loader."""

import pytest

from tests.kit import entry, made, refusing
from virtwarden.facts.boot_trust import BootLoader, Lockdown, SecureBoot
from virtwarden.host import Absent, Unknown

EFI = entry("/sys/firmware/efi", kind="dir")
DMI = entry("/sys/firmware/dmi", kind="dir")
VARIABLE = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
ASK = ("mokutil", "--sb-state")


def test_the_fifth_byte_of_the_variable_decides() -> None:
    on = made(files={VARIABLE: b"\x06\0\0\0\x01"}, stats=[EFI]).get(SecureBoot)
    off = made(files={VARIABLE: b"\x06\0\0\0\0"}, stats=[EFI]).get(SecureBoot)
    assert (on.on, on.uefi, off.on, off.uefi) == (True, True, False, True)
    assert on.evidence.text == "byte 5 is 1"


def test_firmware_without_the_variable_and_a_bios_have_it_off() -> None:
    uefi = made(stats=[EFI]).get(SecureBoot)
    bios = made(stats=[DMI]).get(SecureBoot)
    assert (uefi.on, uefi.uefi, bios.on, bios.uefi) == (False, True, False, False)


def test_an_architecture_that_knows_neither_has_none() -> None:
    with pytest.raises(Absent, match="neither UEFI nor a BIOS"):
        made().get(SecureBoot)


def test_a_variable_that_is_refused_or_cut_short() -> None:
    files: dict[str, str | bytes | Unknown | Absent] = {VARIABLE: Unknown("permission denied")}
    said = made(files=files, stats=[EFI], commands={ASK: "SecureBoot enabled\n"}).get(SecureBoot)
    assert (said.on, said.evidence.argv) == (True, ASK)
    with pytest.raises(Unknown, match="permission denied"):
        made(files=files, stats=[EFI]).get(SecureBoot)
    with pytest.raises(Unknown, match="does not tell"):
        made(files=files, stats=[EFI], commands={ASK: (255, "")}).get(SecureBoot)
    with pytest.raises(Unknown, match="five bytes"):
        made(files={VARIABLE: b"\x06"}, stats=[EFI]).get(SecureBoot)


def test_a_directory_that_is_refused_leaves_mokutil() -> None:
    said = made(stats={EFI.path: Unknown("an image")}, commands={ASK: "SecureBoot disabled\n"}).get(SecureBoot)
    assert not said.on


def test_the_word_in_brackets_is_the_lockdown() -> None:
    path = "/sys/kernel/security/lockdown"
    assert made(files={path: "none [integrity] confidentiality\n"}).get(Lockdown).mode == "integrity"
    with pytest.raises(Unknown, match="names no mode"):
        made(files={path: "\n"}).get(Lockdown)
    with pytest.raises(Absent):
        made().get(Lockdown)


def test_a_boot_loader_that_is_refused_in_part_is_unknown_unless_a_lock_was_seen() -> None:
    refused = Unknown("/boot/grub2/grub.cfg: permission denied")
    files: dict[str, str | bytes | Unknown | Absent] = {"/boot/grub2/grub.cfg": refused}
    with pytest.raises(Unknown, match="whether the boot loader is locked"):
        made(files=files).get(BootLoader)
    locked = made(files={**files, "/boot/grub2/user.cfg": "GRUB2_PASSWORD=[redacted]\n"}).get(BootLoader)
    assert locked.lock is not None
    assert locked.lock.evidence.line == 1


def test_a_host_without_a_boot_loader_is_unknown() -> None:
    with pytest.raises(Unknown, match="no boot loader"):
        made(files={"/boot/grub/grub.cfg": Absent("gone")}).get(BootLoader)
    with pytest.raises(Unknown):
        refusing().get(BootLoader)
