"""Encrypted volumes have LUKS headers that withstand an offline attack."""

from __future__ import annotations

import copy
import struct
from typing import cast

import pytest

from tests.formats import headers
from tests.kit import guest, judge, results
from tests.storagehost import IMAGES, LV, OPEN, REFUSED, WEB, block, disk, node, store, strong, volume
from virtwarden.controls.encryption.luks_headers_strong import CONTROL
from virtwarden.edits import Do
from virtwarden.facts.policy import Encryption, Policy
from virtwarden.host import Unknown
from virtwarden.model import Finding

LUKS_AT = 0x0537BE77
FIPS = {("sysctl", "-a"): "crypto.fips_enabled = 1\n"}


def judged(header: bytes, *facts: Policy) -> Finding:
    (finding,) = judge(CONTROL, store(guest(OPEN), files=volume(luks=header), stats=[node()], facts=facts))
    return finding


def changed(**parts: object) -> bytes:
    metadata = copy.deepcopy(headers.METADATA)
    keyslots = cast(dict[str, object], metadata["keyslots"])
    metadata |= {"keyslots": {"0": keyslots["0"]}, "tokens": {}, "config": {"flags": []}}
    return headers.luks2(metadata | parts)


def segments(**fields: object) -> dict[str, object]:
    found = cast(dict[str, dict[str, object]], copy.deepcopy(headers.METADATA["segments"]))
    found["0"] |= fields
    return {"segments": found}


def test_a_strong_header_passes_and_is_told() -> None:
    finding = judged(strong())
    assert (finding.result, finding.subject.name) == ("pass", "vg-guest01--crypt")
    assert finding.message == "LUKS2 aes-xts-plain64 512, argon2id"
    assert finding.evidence[0].path == "/dev/dm-0"


def test_the_blueprints_own_header_fails_in_every_line() -> None:
    finding = judged(headers.luks1())
    assert finding.result == "fail"
    for words in (
        "LUKS1 has no key derivation that costs memory",
        "its cipher is aes-cbc-essiv:sha256",
        "its key has 128 bits",
        "its hash is sha1",
        "the volume key's digest has 10 iterations",
    ):
        assert words in finding.message
    steps = finding.fix[0].edit.steps  # type: ignore[union-attr]
    assert steps.startswith("cryptsetup luksHeaderBackup /dev/mapper/vg-guest01--crypt ")
    assert "convert --type luks2" in steps
    assert "reencrypt" in steps
    steps = judged(strong(time=1)).fix[0].edit.steps  # type: ignore[union-attr]
    assert "convert --type luks2" not in steps
    assert "reencrypt" not in steps


@pytest.mark.parametrize(
    ("header", "says"),
    [
        (strong(memory=32768), "key slot 0 costs 32768 KiB of memory, less than 65536"),
        (strong(time=1), "key slot 0 makes 1 passes"),
        (strong(type="pbkdf2", iterations=2_000_000, hash="sha256"), "key slot 0 uses pbkdf2"),
        (strong(type="pbkdf2", iterations=2_000_000, hash="sha1"), "key slot 0 uses sha1"),
        (changed(config={"requirements": {"mandatory": ["online-reencrypt-v2"]}}), "a reencryption has not ended"),
        (changed(**segments(encryption="aes-cbc-plain")), "its cipher is aes-cbc-plain"),
        (headers.luks1(mode="xts-plain64", key_bytes=32, iterations=99999), "its key has 256 bits, AES-128"),
    ],
)
def test_each_weakness_fails(header: bytes, says: str) -> None:
    finding = judged(header)
    assert finding.result == "fail"
    assert says in finding.message


def test_a_slot_that_a_token_opens_and_one_that_opens_nothing_are_left_out() -> None:
    metadata = copy.deepcopy(headers.METADATA)
    slots = cast(dict[str, dict[str, object]], metadata["keyslots"])
    slots["0"]["kdf"] = {"type": "pbkdf2", "hash": "sha256", "iterations": 1000, "salt": "[redacted]"}
    token = {"0": {"type": "systemd-tpm2", "keyslots": ["0"]}}
    assert judged(headers.luks2({**metadata, "tokens": token, "config": {"flags": []}})).result == "pass"


def test_a_wide_cipher_passes_with_its_smaller_key() -> None:
    wide = changed(**segments(encryption="xchacha12,aes-adiantum-plain64"))
    assert judged(wide).result == "pass"


def test_a_volume_that_is_not_encrypted_yet_fails_and_one_that_the_drive_encrypts_is_told() -> None:
    plain = {"segments": {"0": {"type": "linear", "offset": "16777216", "size": "dynamic"}}}
    assert "a part of it is not encrypted" in judged(changed(**plain)).message
    opal = {"segments": {"0": {"type": "hw-opal", "offset": "16777216", "size": "dynamic"}}}
    assert judged(changed(**opal)).message == "LUKS2 the drive's own cipher 512, argon2id"


def test_the_policy_says_how_much_memory() -> None:
    policy = Policy(encryption=Encryption(pbkdf_memory_kib=4 << 20))
    assert judged(strong(), policy).result == "fail"


def test_a_host_in_fips_mode_may_use_pbkdf2() -> None:
    header = strong(type="pbkdf2", iterations=2_000_000, hash="sha256")
    world = store(files=volume(luks=header))
    world.source.commands = FIPS  # type: ignore[attr-defined]
    assert results(CONTROL, world) == ["pass"]


def qemus(*, iterations: int) -> bytes:
    """A LUKS1 header as QEMU makes it."""
    slot = struct.pack(">II32sII", 0x00AC71F3, iterations, bytes(32), 8, 4000)
    weak = headers.luks1(mode="xts-plain64", key_bytes=64, iterations=40000).replace(b"sha1\0\0", b"sha256")
    return weak[:208] + slot + weak[256:]


def test_an_image_that_qemu_encrypts_is_judged_by_what_qemu_can() -> None:
    encrypted = disk(
        format="qcow2", inside="<encryption format='luks'><secret type='passphrase' uuid='1'/></encryption>"
    )
    pointer = struct.pack(">QQ", 262144, 2068480)
    head = headers.qcow2(backing=b"", extensions=((LUKS_AT, pointer),), method=2)
    for iterations, result in ((180_000, "pass"), (1000, "fail")):
        data = head.ljust(262144, b"\0") + qemus(iterations=iterations).ljust(4096, b"\0")
        (finding,) = judge(CONTROL, store(guest(encrypted), files={WEB: data}))
        assert (finding.result.value, finding.subject.name) == (result, f"web {WEB}")
    edit = finding.fix[0].edit
    assert isinstance(edit, Do)
    assert edit.steps.startswith(
        "guest off, qemu-img convert -O qcow2 -o encrypt.format=luks,encrypt.cipher-mode="
    )
    raw = disk(format="raw", inside="<encryption format='luks'><secret type='passphrase' uuid='1'/></encryption>")
    (finding,) = judge(CONTROL, store(guest(raw), files={WEB: qemus(iterations=1000).ljust(4096, b"\0")}))
    assert "qemu-img convert -O luks -o cipher-mode=xts," in str(finding.fix[0].edit)
    cut = store(guest(encrypted), files={WEB: head})
    assert results(CONTROL, cut) == ["unknown"]
    far = headers.qcow2(backing=b"", extensions=((LUKS_AT, struct.pack(">QQ", 1 << 40, 1)),), method=2)
    assert results(CONTROL, store(guest(encrypted), files={WEB: far})) == ["unknown"]
    wrong = head.ljust(262144, b"\0") + b"LUKS\xba\xbe\0\x09" + bytes(4096)
    assert results(CONTROL, store(guest(encrypted), files={WEB: wrong})) == ["unknown"]
    assert results(CONTROL, store(guest(encrypted), files={WEB: REFUSED})) == ["unknown"]


def test_a_guests_own_luks_on_its_raw_disk_is_its_own_affair() -> None:
    raw = f"{IMAGES}/web.img"
    host = store(guest(disk(raw, format="raw"), running=True), files={raw: headers.luks1()})
    assert results(CONTROL, host) == ["notapplicable"]


def test_a_base_that_is_a_luks_image_counts() -> None:
    base = f"{IMAGES}/base.luks"
    files = {WEB: headers.qcow2(backing=b"base.luks", extensions=((0xE2792ACA, b"luks"),)), base: headers.luks1()}
    (finding,) = judge(CONTROL, store(guest(disk()), files=files))
    assert (finding.result, finding.subject.name) == ("fail", f"web {base}")


def test_a_part_of_an_array_is_not_the_volume() -> None:
    files = {
        **block("sda"),
        **block("md0", below="sda"),
        "/dev/sda": headers.luks1(),
        "/dev/md0": strong(),
    }
    (finding,) = judge(CONTROL, store(files=files))
    assert (finding.result, finding.subject.name) == ("pass", "md0")


def test_a_cut_header_is_read_further_and_a_broken_one_is_unknown() -> None:
    whole = changed(config={"flags": ["x" * 3000] * 3})
    assert judged(whole).result == "pass"
    assert judged(headers.luks2(b"{")).result == "unknown"


def test_what_cannot_be_read_is_unknown_and_nothing_is_not_applicable() -> None:
    files = {**block("vda"), **block("vdb"), "/dev/vda": REFUSED, "/dev/vdb": REFUSED}
    (finding,) = judge(CONTROL, store(files=files))
    assert (finding.result, finding.message) == (
        "unknown",
        "whether it holds a volume: permission denied and 1 more devices",
    )
    assert results(CONTROL, store(files={**block("vda"), "/dev/vda": REFUSED})) == ["unknown"]
    blind = store(files={"/sys/class/block/*/size": Unknown("/sys is not part of an image")})
    assert results(CONTROL, blind) == ["unknown"]
    lv = block("dm-0", name="vg-x", uuid=LV)
    assert results(CONTROL, store(files={**lv, "/dev/dm-0": b"plain"})) == ["notapplicable"]
