"""The headers of encrypted volumes, LUKS1 and LUKS2, as they lie on the disk.

What is read is what decides how strong a volume is: ciphers, key sizes, key derivation, key slots. Salts, digests
and key material are never looked at, so a header in which they are blanked reads the same. Sources: the LUKS1
and LUKS2 on-disk format specifications of the cryptsetup project.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeVar

import msgspec

from virtwarden.formats import Malformed

T = TypeVar("T")

HEAD = 65536
"""How many bytes of a volume hold its header as cryptsetup makes it by default (16 KiB), and larger ones."""

_MAGIC = b"LUKS\xba\xbe"
_SECTOR = 512
_LUKS1 = struct.Struct(">6sH32s32s32sII20s32sI40s")
_LUKS1_SLOT = struct.Struct(">II32sII")
_LUKS1_SLOTS = 8
_LUKS1_SLOT_ENABLED = 0x00AC71F3
_LUKS2 = struct.Struct(">6sHQQ48s32s64s40s48sQ")
_LUKS2_JSON = 4096
_LUKS2_LARGEST = 1 << 22


@dataclass(frozen=True, slots=True)
class Keyslot:
    """One used key slot. `iterations` is PBKDF2's count; `memory_kib`, `time` and `threads` are Argon2's costs.
    An `unbound` slot holds a key that opens no data."""

    number: int
    kdf: str
    hash: str | None
    iterations: int | None
    memory_kib: int | None
    time: int | None
    threads: int | None
    key_bits: int
    cipher: str | None
    unbound: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of the volume; `kind` is crypt, linear, hw-opal …; `size` is in bytes, None for all that follows.
    `cipher` is None where this host does not encrypt it: not yet, not any more, or the drive does."""

    number: int
    kind: str
    offset: int
    size: int | None
    cipher: str | None
    sector_size: int | None
    integrity: str | None


@dataclass(frozen=True, slots=True)
class Token:
    """How a key slot may be opened without a typed passphrase: clevis, systemd-tpm2, luks2-keyring …"""

    number: int
    kind: str
    keyslots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Luks:
    """One header. `cipher` and `mode` are those of the data, `aes` and `xts-plain64`; `key_bits` the size of its
    key, both halves of an XTS key counted, None where no key slot tells; `mk_iterations` belongs to the digest of
    the volume key; `payload_offset` is in bytes."""

    version: int
    uuid: str
    label: str
    subsystem: str
    cipher: str
    mode: str
    key_bits: int | None
    hash: str
    payload_offset: int
    mk_iterations: int | None
    keyslots: tuple[Keyslot, ...]
    segments: tuple[Segment, ...]
    tokens: tuple[Token, ...]
    flags: tuple[str, ...]
    requirements: tuple[str, ...]

    @property
    def allows_discards(self) -> bool:
        """Whether a header flag lets TRIM through, which shows which blocks are in use."""
        return "allow-discards" in self.flags

    @property
    def is_reencrypting(self) -> bool:
        """Whether a reencryption was begun and has not ended."""
        return any("reencrypt" in requirement for requirement in self.requirements)


def parse(data: bytes) -> Luks | None:
    """The header that a volume begins with; None where there is none.

    Raises `Malformed` for one that is cut short or makes no sense.
    """
    if not data.startswith(_MAGIC):
        return None
    version = int.from_bytes(data[6:8], "big")
    if version == 1:
        return _first(data)
    if version == 2:
        return _second(data)
    raise Malformed(f"LUKS version {version} is not known")


def _first(data: bytes) -> Luks:
    if len(data) < _LUKS1.size + _LUKS1_SLOTS * _LUKS1_SLOT.size:
        raise Malformed("the LUKS header is cut short")
    _, _, cipher, mode, hash_, offset, key_bytes, _, _, iterations, uuid = _LUKS1.unpack_from(data)
    specification = f"{_word(cipher)}-{_word(mode)}"
    key_bits = 8 * int(key_bytes)
    slots: list[Keyslot] = []
    for number in range(_LUKS1_SLOTS):
        active, count, *_ = _LUKS1_SLOT.unpack_from(data, _LUKS1.size + number * _LUKS1_SLOT.size)
        if active == _LUKS1_SLOT_ENABLED:
            slots.append(
                Keyslot(number, "pbkdf2", _word(hash_), count, None, None, None, key_bits, specification, False)
            )
    payload = int(offset) * _SECTOR
    return Luks(
        version=1,
        uuid=_word(uuid),
        label="",
        subsystem="",
        cipher=_word(cipher),
        mode=_word(mode),
        key_bits=key_bits,
        hash=_word(hash_),
        payload_offset=payload,
        mk_iterations=iterations,
        keyslots=tuple(slots),
        segments=(Segment(0, "crypt", payload, None, specification, _SECTOR, None),),
        tokens=(),
        flags=(),
        requirements=(),
    )


class _Kdf(msgspec.Struct):
    type: str
    hash: str | None = None
    iterations: int | None = None
    memory: int | None = None
    time: int | None = None
    cpus: int | None = None


class _Af(msgspec.Struct):
    hash: str | None = None


class _Area(msgspec.Struct):
    encryption: str | None = None


class _Keyslot(msgspec.Struct):
    type: str
    key_size: int
    kdf: _Kdf | None = None
    af: _Af | None = None
    area: _Area | None = None


class _Integrity(msgspec.Struct):
    type: str


class _Segment(msgspec.Struct):
    type: str
    offset: str
    size: str
    encryption: str | None = None
    sector_size: int | None = None
    integrity: _Integrity | None = None
    flags: list[str] = []


class _Digest(msgspec.Struct):
    type: str
    keyslots: list[str]
    segments: list[str]
    hash: str | None = None
    iterations: int | None = None


class _Token(msgspec.Struct):
    type: str
    keyslots: list[str] = []


class _Requirements(msgspec.Struct):
    mandatory: list[str] = []


class _Config(msgspec.Struct):
    flags: list[str] = []
    requirements: _Requirements | None = None


class _Metadata(msgspec.Struct):
    keyslots: dict[str, _Keyslot]
    segments: dict[str, _Segment]
    digests: dict[str, _Digest]
    tokens: dict[str, _Token] = {}
    config: _Config | None = None


def _second(data: bytes) -> Luks:
    if len(data) < _LUKS2_JSON:
        raise Malformed("the LUKS header is cut short")
    _, _, size, _, label, _, _, uuid, subsystem, _ = _LUKS2.unpack_from(data)
    if not _LUKS2_JSON < size <= _LUKS2_LARGEST:
        raise Malformed(f"a LUKS2 header cannot be {size} bytes long")
    text, end, _ = data[_LUKS2_JSON:size].partition(b"\0")
    if not end and len(data) < size:
        raise Malformed(f"the LUKS header is cut short: it has {size} bytes")
    metadata = _metadata(text)
    segments = _segments(metadata)
    data_segments = [segment for segment in segments if segment.cipher is not None]
    cipher, _, mode = (data_segments[0].cipher or "").partition("-") if data_segments else ("", "", "")
    bound = {slot for digest in _of_data(metadata) for slot in _numbers(digest.keyslots)}
    slots = tuple(_keyslots(metadata, bound))
    digest = next(iter(_of_data(metadata)), None)
    config = metadata.config or _Config()
    return Luks(
        version=2,
        uuid=_word(uuid),
        label=_word(label),
        subsystem=_word(subsystem),
        cipher=cipher,
        mode=mode,
        key_bits=next((slot.key_bits for slot in slots if not slot.unbound), None),
        hash=(digest.hash if digest is not None else None) or "",
        payload_offset=min((segment.offset for segment in segments), default=0),
        mk_iterations=digest.iterations if digest is not None else None,
        keyslots=slots,
        segments=segments,
        tokens=tuple(
            Token(number, token.type, tuple(_numbers(token.keyslots)))
            for number, token in _numbered(metadata.tokens)
        ),
        flags=tuple(config.flags),
        requirements=tuple(config.requirements.mandatory) if config.requirements is not None else (),
    )


def _metadata(text: bytes) -> _Metadata:
    try:
        return msgspec.json.decode(text, type=_Metadata)
    except (msgspec.MsgspecError, ValueError, RecursionError) as wrong:
        raise Malformed(f"the LUKS2 metadata cannot be read: {wrong}") from None


def _of_data(metadata: _Metadata) -> list[_Digest]:
    return [digest for _, digest in _numbered(metadata.digests) if digest.segments]


def _segments(metadata: _Metadata) -> tuple[Segment, ...]:
    return tuple(
        Segment(
            number,
            segment.type,
            _number(segment.offset),
            None if segment.size == "dynamic" else _number(segment.size),
            segment.encryption,
            segment.sector_size,
            None if segment.integrity is None else segment.integrity.type,
        )
        for number, segment in _numbered(metadata.segments)
        if not any(flag.startswith("backup-") for flag in segment.flags)
    )


def _keyslots(metadata: _Metadata, bound: set[int]) -> Iterable[Keyslot]:
    for number, slot in _numbered(metadata.keyslots):
        if slot.type != "luks2" or slot.kdf is None:
            continue
        yield Keyslot(
            number,
            slot.kdf.type,
            slot.kdf.hash or (slot.af.hash if slot.af is not None else None),
            slot.kdf.iterations,
            slot.kdf.memory,
            slot.kdf.time,
            slot.kdf.cpus,
            8 * slot.key_size,
            slot.area.encryption if slot.area is not None else None,
            unbound=number not in bound,
        )


def _numbered(named: Mapping[str, T]) -> list[tuple[int, T]]:
    return sorted(((_number(name), value) for name, value in named.items()), key=itemgetter(0))


def _numbers(names: Iterable[str]) -> list[int]:
    return [_number(name) for name in names]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise Malformed(f"the LUKS2 metadata has {text[:30]!r} where a number belongs")
    return int(text)


def _word(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")
