"""What a head keeps: headers and nothing of what is stored."""

from __future__ import annotations

import os
import struct

import pytest

from tests.formats import headers
from tests.sources.planted import PLANTED
from tests.storagehost import partitioned
from virtwarden.facts.contents import content_of
from virtwarden.formats import qcow2
from virtwarden.sources.blanking import Blanker
from virtwarden.sources.diskhead import without_contents
from virtwarden.sources.redact import redact_head

SECRET = PLANTED.encode()
LUKS = headers.luks1()


def encrypted(at: int) -> bytes:
    pointer = (0x0537BE77, struct.pack(">QQ", at, 2 << 20))
    return headers.qcow2(method=2, extensions=(pointer,)).ljust(at, b"\0")


def signed(at: int, mark: bytes) -> bytes:
    return (bytes(at) + mark).ljust(65536, b"\0")


HEADS = {
    "a raw disk": SECRET * 400,
    "a key file": os.urandom(64) + SECRET,
    "a partitioned disk": SECRET * 37 + partitioned(10**9)[444:],
    "qcow2 with a backing file": headers.qcow2(backing=b"/srv/base.img").ljust(65536, b"\0"),
    "qcow2 with LUKS": encrypted(131072) + LUKS,
    "qcow2 whose header makes no sense": headers.qcow2(cluster_bits=40),
    "qcow": headers.qcow1(),
    "LUKS": LUKS,
} | {name: signed(at, mark) for at, mark, name in qcow2.MAGICS}


@pytest.mark.parametrize("data", HEADS.values(), ids=HEADS)
def test_what_is_left_tells_the_same_and_holds_nothing_else(data: bytes) -> None:
    left = without_contents(data)
    assert len(left) == len(data)
    assert SECRET not in left
    assert without_contents(left) == left
    for asked in (4096, 65536, 1 << 20):
        assert content_of(left[:asked], asked) == content_of(data[:asked], asked)


def test_data_after_the_first_cluster_is_zeroed() -> None:
    data = headers.qcow2(cluster_bits=9).ljust(512, b"\0") + SECRET * 100
    assert without_contents(data) == data[:512].ljust(len(data), b"\0")


def test_a_password_in_the_name_of_a_backing_file_is_blanked_in_place() -> None:
    data = headers.qcow2(backing=b"https://me:" + SECRET + b"@h/base.img")
    left = redact_head("/x", data, Blanker())
    assert SECRET not in left
    parsed = qcow2.parse(left)
    assert parsed is not None
    assert parsed.backing == "https://me:[redacted]..@h/base.img"


def test_what_the_kernel_says_stays() -> None:
    assert redact_head("/sys/firmware/efi/efivars/SecureBoot-x", b"\6\0\0\0\1", Blanker()) == b"\6\0\0\0\1"
