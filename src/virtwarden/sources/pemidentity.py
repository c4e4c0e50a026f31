"""What a file of certificates, keys and revocation lists is, told without its keys.

The same of a file as it is and as a source shows it, in which a stand-in has taken the place of each key.
"""

from __future__ import annotations

import base64
import binascii
import hashlib

from virtwarden.formats import Malformed, pem
from virtwarden.sources.keystandin import stand_ins, without_keys

_STAND_IN = "REDACTED KEY"


def identity(text: str) -> str:
    """The SHA-256 of what stands in a PEM file, keys by their public half; words around the blocks do not count.
    Raises `Malformed` where nothing can be told by, as of a key that is under a passphrase."""
    if not pem.parse(text):
        raise Malformed("holds no certificate, key or revocation list")
    told = [_told(block) for block in pem.parse(without_keys(text))]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def _told(block: pem.Block) -> str:
    if block.label != _STAND_IN:
        return f"{block.label} {hashlib.sha256(_der(block)).hexdigest()}"
    (key,) = stand_ins(block.text)
    if key.spki_sha256 is None:
        why = "is under a passphrase" if key.encrypted else "cannot be opened"
        raise Malformed(f"holds a private key that {why}", block.line)
    return f"KEY {key.spki_sha256}"


def _der(block: pem.Block) -> bytes:
    inner = "".join(line.strip() for line in block.text.split("\n")[1:-2])
    try:
        return base64.b64decode(inner, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(f"{block.label} is not in base64", block.line) from None
