"""LUKS headers: built by hand, made by cryptsetup and QEMU, spoiled and blanked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import headers
from virtwarden.formats import Malformed, luks
from virtwarden.formats.luks import Keyslot, Luks, Segment, Token
from virtwarden.sources.lukshead import without_salts


def parsed(data: bytes) -> Luks:
    header = luks.parse(data)
    assert header is not None
    return header


def test_a_header_of_the_first_version() -> None:
    header = parsed(headers.luks1())
    assert (header.version, header.cipher, header.mode, header.hash) == (1, "aes", "cbc-essiv:sha256", "sha1")
    assert (header.key_bits, header.mk_iterations, header.payload_offset) == (128, 10, 1032 * 512)
    assert header.uuid == "5a7d0a4e-0001-4c7e-8a5a-1f2e3d4c5b6a"
    assert header.keyslots == (
        Keyslot(0, "pbkdf2", "sha1", 195056, None, None, None, 128, "aes-cbc-essiv:sha256", unbound=False),
    )
    assert header.segments == (Segment(0, "crypt", 1032 * 512, None, "aes-cbc-essiv:sha256", 512, None),)
    assert not header.is_reencrypting


def test_a_header_of_the_second_version() -> None:
    header = parsed(headers.luks2())
    assert (header.version, header.cipher, header.mode, header.hash) == (2, "aes", "xts-plain64", "sha256")
    assert (header.key_bits, header.mk_iterations, header.payload_offset) == (512, 123456, 16 << 20)
    assert (header.label, header.subsystem) == ("guest01", "virt")
    assert header.keyslots == (
        Keyslot(0, "argon2id", "sha256", None, 1048576, 7, 4, 512, "aes-xts-plain64", unbound=False),
        Keyslot(1, "pbkdf2", "sha256", 1000, None, None, None, 512, "aes-xts-plain64", unbound=True),
    )
    assert header.segments == (Segment(0, "crypt", 16 << 20, None, "aes-xts-plain64", 4096, None),)
    assert header.tokens == (Token(0, "clevis", (0,)),)
    assert header.allows_discards
    assert header.is_reencrypting


@pytest.mark.parametrize("data", [b"", b"LUKS", b"QFI\xfb" + bytes(600), bytes(4096)])
def test_what_is_no_header_is_none(data: bytes) -> None:
    assert luks.parse(data) is None


@pytest.mark.parametrize("whole", [headers.luks1(), headers.luks2()])
def test_a_header_that_is_cut_short_is_malformed(whole: bytes) -> None:
    header = parsed(whole)
    for length in range(6, len(whole)):
        try:
            assert luks.parse(whole[:length]) == header
        except Malformed as refused:
            assert str(refused)  # noqa: PT017  # both are right, nothing else is
    with pytest.raises(Malformed):
        luks.parse(whole[:500])


def second(**changes: object) -> bytes:
    return headers.luks2(json.loads(json.dumps(headers.METADATA)) | changes)


@pytest.mark.parametrize(
    "data",
    [
        b"LUKS\xba\xbe\0\3" + bytes(5000),
        headers.luks2(size=1 << 23)[:65536],
        headers.luks2(b"{"),
        headers.luks2(b"[]"),
        headers.luks2(b'{"keyslots": ' + b'{"a": ' * 10000),
        headers.luks2(b"[" * 12000),
        headers.luks2(b'{"keyslots": {}, "segments": {}, "digests": {}, "tokens": ' + b"9" * 9000 + b"}"),
        headers.luks2(b'\xff\xfe{"keyslots"}'),
        second(segments={"0": {"type": "crypt", "offset": "far", "size": "dynamic"}}),
        second(segments={"first": {"type": "crypt", "offset": "0", "size": "dynamic"}}),
        second(segments={"0": {"type": "crypt", "offset": "-1", "size": "dynamic"}}),
        second(keyslots=[]),
        second(digests={"0": {"type": "pbkdf2", "keyslots": ["x"], "segments": ["0"]}}),
    ],
)
def test_a_hostile_header_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        luks.parse(data)


def test_a_volume_that_is_not_yet_encrypted_throughout_shows_both_parts() -> None:
    crypt = {
        "type": "crypt",
        "offset": "0",
        "size": "1048576",
        "encryption": "aes-xts-plain64",
        "sector_size": 512,
    }
    linear = {"type": "linear", "offset": "1048576", "size": "dynamic"}
    backup = crypt | {"flags": ["backup-final"]}
    header = parsed(second(segments={"0": crypt, "1": linear, "2": backup}))
    assert [(segment.kind, segment.cipher, segment.size) for segment in header.segments] == [
        ("crypt", "aes-xts-plain64", 1 << 20),
        ("linear", None, None),
    ]


def test_a_volume_without_any_key_slot_left_says_no_key_size() -> None:
    header = parsed(second(keyslots={}, digests={}))
    assert header.key_bits is None
    assert header.mk_iterations is None
    assert header.keyslots == ()


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)


@given(key=st.sampled_from(["keyslots", "segments", "digests", "tokens", "config"]), value=JSON)
def test_metadata_of_any_shape_is_read_or_malformed(key: str, value: object) -> None:
    data = second(**{key: value})
    try:
        assert parsed(data).version == 2
    except Malformed as refused:
        assert "metadata" in str(refused)  # noqa: PT017


Format = Callable[..., bytes]


@pytest.fixture
def cryptsetup(tmp_path: Path) -> Format:
    """Formats a file and gives its first bytes; the options are cryptsetup's own."""
    program = shutil.which("cryptsetup", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        pytest.skip("there is no cryptsetup to make headers")
    volume, key = tmp_path / "volume", tmp_path / "key"
    volume.write_bytes(b"")
    os.truncate(volume, 24 << 20)
    key.write_bytes(b"a key for a test")

    def run(*arguments: str) -> bytes:
        argv = [program, *arguments, "--batch-mode", "--key-file", str(key), str(volume)]
        if arguments[0] == "luksAddKey":
            argv.append(str(key))
        subprocess.run(argv, check=True, capture_output=True)
        return volume.read_bytes()[: luks.HEAD]

    return run


FAST = ("--pbkdf-force-iterations", "1000")


@pytest.mark.parametrize(
    ("cipher", "bits"), [("aes-xts-plain64", 512), ("aes-xts-plain64", 256), ("aes-cbc-essiv:sha256", 128)]
)
def test_cryptsetup_makes_the_first_version(cryptsetup: Format, cipher: str, bits: int) -> None:
    data = cryptsetup(
        "luksFormat", "--type", "luks1", "--cipher", cipher, "--key-size", str(bits), "--hash", "sha512", *FAST,
        "--uuid", "0d5cbb4e-0001-4c7e-8a5a-1f2e3d4c5b6a",
    )  # fmt: skip
    header = parsed(data)
    assert (header.version, header.uuid) == (1, "0d5cbb4e-0001-4c7e-8a5a-1f2e3d4c5b6a")
    assert (f"{header.cipher}-{header.mode}", header.key_bits, header.hash) == (cipher, bits, "sha512")
    assert [(slot.number, slot.iterations) for slot in header.keyslots] == [(0, 1000)]
    assert header.payload_offset > len(data) or header.payload_offset % 512 == 0
    assert luks.parse(without_salts(data)) == header


def test_cryptsetup_makes_the_second_version(cryptsetup: Format) -> None:
    cryptsetup(
        "luksFormat", "--type", "luks2", "--cipher", "aes-xts-plain64", "--key-size", "512", "--label", "guest01",
        "--subsystem", "virt", "--sector-size", "4096", "--pbkdf", "argon2id", "--pbkdf-memory", "32768",
        "--pbkdf-force-iterations", "4", "--pbkdf-parallel", "1",
    )  # fmt: skip
    data = cryptsetup("luksAddKey", "--pbkdf", "pbkdf2", *FAST, "--key-slot", "3")
    header = parsed(data)
    assert (header.version, header.label, header.subsystem) == (2, "guest01", "virt")
    assert (header.cipher, header.mode, header.key_bits) == ("aes", "xts-plain64", 512)
    assert header.keyslots == (
        Keyslot(0, "argon2id", "sha256", None, 32768, 4, 1, 512, "aes-xts-plain64", unbound=False),
        Keyslot(3, "pbkdf2", "sha256", 1000, None, None, None, 512, "aes-xts-plain64", unbound=False),
    )
    assert header.payload_offset == 16 << 20
    assert header.segments == (Segment(0, "crypt", 16 << 20, None, "aes-xts-plain64", 4096, None),)
    assert luks.parse(without_salts(data)) == header


def test_cryptsetup_and_we_tell_the_same(cryptsetup: Format, tmp_path: Path) -> None:
    data = cryptsetup(
        "luksFormat", "--type", "luks2", "--pbkdf", "argon2i", "--pbkdf-memory", "32768",
        "--pbkdf-force-iterations", "4", "--hash", "sha512",
    )  # fmt: skip
    header = parsed(data)
    program = shutil.which("cryptsetup", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") or ""
    dump = [program, "luksDump", "--dump-json-metadata", str(tmp_path / "volume")]
    told = json.loads(subprocess.run(dump, check=True, capture_output=True, text=True).stdout)
    kdf, digest = told["keyslots"]["0"]["kdf"], told["digests"]["0"]
    (slot,) = header.keyslots
    assert (slot.kdf, slot.time, slot.memory_kib, slot.threads) == (
        kdf["type"],
        kdf["time"],
        kdf["memory"],
        kdf["cpus"],
    )
    assert (header.hash, header.mk_iterations) == (digest["hash"], digest["iterations"])
    assert header.payload_offset == int(told["segments"]["0"]["offset"])


def test_qemu_makes_the_first_version(tmp_path: Path) -> None:
    program = shutil.which("qemu-img")
    if program is None:
        pytest.skip("there is no qemu-img to make images")
    image, key = tmp_path / "image", tmp_path / "key"
    key.write_text("a key for a test")
    argv = [program, "create", "-q", "--object", f"secret,id=s,file={key}", "-f", "luks"]
    argv += ["-o", "key-secret=s,iter-time=10", str(image), "1M"]
    for _ in range(20):  # one time in three it cannot time itself, on some machines
        made = subprocess.run(argv, check=False, capture_output=True, text=True)
        if made.returncode == 0 or "CPU usage" not in made.stderr:
            break
    assert made.returncode == 0, made.stderr
    header = parsed(image.read_bytes()[: luks.HEAD])
    assert (header.version, header.cipher, header.mode, header.key_bits) == (1, "aes", "xts-plain64", 512)
    assert header.hash == "sha256"
    assert len(header.keyslots) == 1
