"""Images under seal: without the key, which lies in a file of its own, a journal tells nothing of what they hold.

AES-256-GCM with a fresh nonce for each image; a seal names its transaction, step and part, so that none can be put in
another's place.
"""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from virtwarden.stores.images import Image

_NONCE = 12
_KEY = 32
_decoder: msgspec.msgpack.Decoder[Image] = msgspec.msgpack.Decoder(Image)
_encode = msgspec.msgpack.Encoder().encode


class BrokenSeal(Exception):
    """An image cannot be opened: the key is another one, or the journal was changed."""


@dataclass(frozen=True, slots=True)
class Sealer:
    """Seals and opens images with one key."""

    key: bytes = field(repr=False)

    def sealed(self, image: Image, where: str) -> str:
        """The image under seal; `where` names its place."""
        nonce = os.urandom(_NONCE)
        data = AESGCM(self.key).encrypt(nonce, _encode(image), where.encode())
        return base64.b64encode(nonce + data).decode("ascii")

    def opened(self, sealed: str, where: str) -> Image:
        """The image that was sealed for this place. Raises `BrokenSeal`."""
        try:
            data = base64.b64decode(sealed, validate=True)
            return _decoder.decode(AESGCM(self.key).decrypt(data[:_NONCE], data[_NONCE:], where.encode()))
        except (ValueError, InvalidTag, msgspec.DecodeError):
            raise BrokenSeal(f"the image at {where} cannot be opened with the key of this journal") from None


def sealer_in(folder: Path) -> Sealer:
    """The sealer of a folder, whose key is made on first use, readable by its owner alone from the first byte on."""
    path = folder / "key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        key = os.urandom(_KEY)
        temporary = folder / ".key"
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, path)
        synced(folder)
    if len(key) != _KEY:
        raise BrokenSeal(f"{path} is no key of {_KEY} bytes")
    return Sealer(key)


def synced(folder: Path) -> None:
    """Have the names in a folder on disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
