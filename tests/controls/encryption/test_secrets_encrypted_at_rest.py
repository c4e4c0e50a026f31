"""libvirt keeps no secret's value in the clear on disk."""

import pytest

from tests.kit import guests, judge, made, results
from tests.storagehost import MOUNTS, REFUSED, Files, block, private, texts
from virtwarden.controls.encryption.secrets_encrypted_at_rest import CONTROL
from virtwarden.facts.libvirt import Libvirt
from virtwarden.host import Host

UUID = "0a81f5b2-8403-7b23-c8d6-21ccc2f80d6f"
BASE = f"/etc/libvirt/secrets/{UUID}"
XML = "<secret private='yes'><uuid>{0}</uuid><usage type='volume'><volume>/x</volume></usage></secret>"


def host(*endings: str, version: tuple[int, int, int] | None = (9, 0, 0), more: Files | None = None) -> Host:
    libvirt = Libvirt(frozenset({"libvirtd"}), modular=False, version=version)
    files: Files = {
        "/proc/mounts": MOUNTS,
        **block("vda1"),
        **{BASE + ending: XML for ending in endings},
        **(more or {}),
    }
    return made(guests(), libvirt, files=texts(files), stats=[private(BASE + e) for e in endings if e != ".xml"])


@pytest.mark.parametrize(
    ("version", "steps"), [((9, 0, 0), "ephemeral"), (None, "12.1"), ((12, 1, 0), "virsh secret")]
)
def test_a_value_in_base64_fails_with_what_helps_here(version: tuple[int, int, int] | None, steps: str) -> None:
    (finding,) = judge(CONTROL, host(".xml", ".base64", version=version))
    assert (finding.result, finding.message) == ("fail", "its value, for volume, is in the clear, as base64")
    assert finding.subject.name == UUID
    assert steps in finding.fix[0].edit.steps  # type: ignore[union-attr]


def test_an_encrypted_value_passes_and_an_ephemeral_one_is_not_there() -> None:
    assert results(CONTROL, host(".xml", ".aes256cbc", version=(12, 1, 0))) == ["pass"]
    assert results(CONTROL, host(".xml")) == ["notapplicable"]
    assert results(CONTROL, host()) == ["notapplicable"]


def test_base64_on_an_encrypted_volume_passes() -> None:
    crypt = block("dm-0", name="root", uuid="CRYPT-LUKS2-1-root")
    on_crypt = {**crypt, "/proc/mounts": "/dev/mapper/root / ext4 rw 0 0\n"}
    (finding,) = judge(CONTROL, host(".xml", ".base64", more=on_crypt))
    assert finding.message == "its value, for volume, is in base64, on the encrypted volume root"


def test_what_cannot_be_told_is_unknown() -> None:
    assert results(CONTROL, host(".base64", more={"/proc/mounts": REFUSED})) == ["unknown"]
    assert results(CONTROL, host(more={"/etc/libvirt/secrets/*.base64": REFUSED})) == ["unknown"]
    (finding,) = judge(CONTROL, host(".base64", more={BASE + ".xml": "<secret"}))
    assert finding.message == "its value is in the clear, as base64"
