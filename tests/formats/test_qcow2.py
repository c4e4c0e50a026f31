"""Image headers: built by hand and made by qemu-img."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.formats import headers
from virtwarden.formats import Malformed, luks, qcow2
from virtwarden.formats.qcow2 import Qcow2


def parsed(data: bytes) -> Qcow2:
    header = qcow2.parse(data)
    assert header is not None
    return header


def test_a_header_with_everything() -> None:
    pointer = struct.pack(">QQ", 327680, 2068480)
    extensions = ((0xE2792ACA, b"raw"), (0x0537BE77, pointer), (0x44415441, b"data.raw"), (0x6803F857, b"x" * 48))
    header = parsed(headers.qcow2(extensions=extensions, incompatible=7, method=2))
    assert (header.version, header.size, header.cluster_size) == (3, 10 << 30, 65536)
    assert header.backing == "/var/lib/libvirt/images/base.qcow2"
    assert header.backing_format == "raw"
    assert (header.data_file, header.has_data_file) == ("data.raw", True)
    assert (header.encryption, header.luks) == ("luks", (327680, 2068480))
    assert header.is_dirty
    assert header.is_corrupt


def test_a_header_with_nothing() -> None:
    for version in (2, 3):
        header = parsed(headers.qcow2(version=version, backing=b"", extensions=()))
        assert (header.version, header.backing, header.backing_format) == (version, None, None)
        assert (header.data_file, header.has_data_file, header.encryption, header.luks) == (
            None,
            False,
            None,
            None,
        )


def test_the_first_version_of_qcow() -> None:
    header = parsed(headers.qcow1())
    assert (header.version, header.size, header.backing, header.encryption) == (1, 1 << 20, "base.img", "aes")


def test_a_name_that_is_no_text_survives() -> None:
    assert parsed(headers.qcow2(backing=b"/a\xff\n")).backing == "/a\udcff\n"


@pytest.mark.parametrize("data", [b"", b"QFI", bytes(512), b"LUKS\xba\xbe" + bytes(600)])
def test_what_is_no_header_is_none(data: bytes) -> None:
    assert qcow2.parse(data) is None


WHOLE = headers.qcow2()


@pytest.mark.parametrize(
    "data",
    [
        WHOLE[:8],
        WHOLE[:100],
        WHOLE[:-1],
        headers.qcow1()[:20],
        headers.qcow1()[:-1],
        WHOLE[:4] + struct.pack(">I", 9) + WHOLE[8:],
        headers.qcow2(cluster_bits=64),
        headers.qcow2(cluster_bits=8),
        headers.qcow2(method=3),
        headers.qcow2(backing=b"/" * 1024),
        WHOLE[:8] + struct.pack(">Q", 1 << 63) + WHOLE[16:],
        WHOLE[:100] + struct.pack(">I", 1 << 31) + WHOLE[104:],
        WHOLE[:100] + struct.pack(">I", 8) + WHOLE[104:],
        WHOLE[:108] + struct.pack(">I", 1 << 31) + WHOLE[112:],
        headers.qcow2(backing=b"", extensions=((1, bytes(60000)),))[:200],
    ],
)
def test_a_header_that_cannot_be_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        qcow2.parse(data)


@given(at=st.integers(4, len(WHOLE) - 1), piece=st.binary(min_size=1, max_size=8))
def test_a_header_with_any_bytes_is_read_or_malformed(at: int, piece: bytes) -> None:
    try:
        assert parsed(WHOLE[:at] + piece + WHOLE[at + len(piece) :]).cluster_size >= 512
    except Malformed as refused:
        assert str(refused)  # noqa: PT017


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (WHOLE, "qcow2"),
        (headers.qcow1(), "qcow"),
        (headers.luks1(), "luks"),
        (b"# Disk DescriptorFile\nversion=1\n", "vmdk"),
        (b"COWD", "vmdk"),
        (bytes(0x8001) + b"CD001\1", "iso"),
        (b"Bochs Virtual HD Image", "bochs"),
        (b"", None),
        (b"QFI\xfb", None),
        (bytes(510) + b"\x55\xaa", None),
        (bytes(65536), None),
    ],
)
def test_a_format_is_told_by_its_first_bytes(data: bytes, name: str | None) -> None:
    assert qcow2.magic(data) == name


Create = Callable[..., bytes]


@pytest.fixture
def qemu_img(tmp_path: Path) -> Create:
    """Makes an image of that format with those options and gives its first bytes."""
    program = shutil.which("qemu-img")
    if program is None:
        pytest.skip("there is no qemu-img to make images")

    def create(kind: str, *options: str, name: str = "image") -> bytes:
        image = tmp_path / name
        argv = [program, "create", "-q", "-f", kind, *options, str(image), "8M"]
        made = subprocess.run(argv, check=False, capture_output=True, text=True)
        if "Unknown driver" in made.stderr or "Unknown file format" in made.stderr:
            pytest.skip(f"this qemu-img knows no {kind}")
        assert made.returncode == 0, made.stderr
        with image.open("rb") as file:
            return file.read(qcow2.HEAD)

    return create


@pytest.mark.parametrize("kind", ["qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels"])
def test_qemu_img_makes_images_that_are_told(qemu_img: Create, kind: str) -> None:
    assert qcow2.magic(qemu_img(kind)) == kind


def test_a_raw_image_of_qemu_img_has_no_sign(qemu_img: Create) -> None:
    assert qcow2.magic(qemu_img("raw")) is None


def test_qemu_img_and_we_tell_the_same(qemu_img: Create, tmp_path: Path) -> None:
    qemu_img("raw", name="base")
    base = str(tmp_path / "base")
    for version, compat in ((2, "0.10"), (3, "1.1")):
        data = qemu_img("qcow2", "-o", f"compat={compat}", "-b", base, "-F", "raw", name=f"v{version}")
        argv = ["qemu-img", "info", "--output=json", "-f", "qcow2", str(tmp_path / f"v{version}")]
        told = json.loads(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)
        header = parsed(data)
        assert header.version == version
        assert header.size == told["virtual-size"]
        assert header.backing == told["backing-filename"]
        assert header.backing_format == told["backing-filename-format"]
        assert header.cluster_size == told["cluster-size"]
        assert not header.is_dirty
        assert not header.is_corrupt


def test_qemu_img_makes_a_data_file(qemu_img: Create, tmp_path: Path) -> None:
    header = parsed(qemu_img("qcow2", "-o", f"data_file={tmp_path / 'data.raw'},data_file_raw=on"))
    assert header.has_data_file
    assert header.data_file == str(tmp_path / "data.raw")


def test_qemu_img_makes_an_encrypted_image_whose_luks_header_is_found(qemu_img: Create, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("a key for a test")
    options = (
        "--object",
        f"secret,id=s,file={key}",
        "-o",
        "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10",
    )
    for attempt in range(5):  # on a busy machine it sometimes cannot time itself
        try:
            header = parsed(qemu_img("qcow2", *options))
            break
        except AssertionError as failed:
            if "CPU usage" not in str(failed) or attempt == 4:
                raise
    assert header.encryption == "luks"
    assert header.luks is not None
    offset, length = header.luks
    with (tmp_path / "image").open("rb") as file:
        file.seek(offset)
        inner = luks.parse(file.read(length))
    assert inner is not None
    assert (inner.version, inner.key_bits) == (1, 512)
