"""Private keys: made, written under a passphrase, opened again; and public keys judged by their strength."""

from __future__ import annotations

import base64
import hashlib
import os
import textwrap
from typing import Literal, get_args

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from virtwarden.complaint import Complaint

Kind = Literal["p256", "p384", "rsa3072", "rsa4096"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
KINDS: tuple[Kind, ...] = get_args(Kind)
SHORTEST_RSA = 3072
SHORTEST_PASSPHRASE = 8

_CURVES = {"p256": ec.SECP256R1, "p384": ec.SECP384R1}
_GOOD_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_COST, _BLOCK, _PARALLEL = (
    1 << 14,
    8,
    10,
)  # 16 MiB and about half a second; OpenSSL takes no more memory than 32 MiB
_PBES2 = "2a864886f70d01050d"
_SCRYPT = "2b06010401da47040b"
_AES256_CBC = "60864801650304012a"


class WrongPassphrase(Complaint):
    """The passphrase does not open the key."""


def new_key(kind: Kind) -> PrivateKey:
    """A new key."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))
    return ec.generate_private_key(_CURVES[kind]())


def signature_hash(key: PrivateKey) -> SHA256 | SHA384:
    """The hash that goes with the strength of a key that signs."""
    return SHA384() if isinstance(key, ec.EllipticCurvePrivateKey) and key.key_size >= 384 else SHA256()


def plain(key: PrivateKey) -> bytes:
    """The key in PEM, open to whoever can read the file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def sealed(key: PrivateKey, passphrase: bytes) -> bytes:
    """The key in PEM under a passphrase: PKCS #8 with PBES2, scrypt (RFC 7914) and AES-256-CBC, which OpenSSL opens
    too. The library's own encryption stretches a passphrase by 2,048 rounds of PBKDF2 only."""
    salt, start = os.urandom(16), os.urandom(16)
    stretched = Scrypt(salt=salt, length=32, n=_COST, r=_BLOCK, p=_PARALLEL).derive(passphrase)
    padder, cipher = PKCS7(128).padder(), Cipher(algorithms.AES256(stretched), modes.CBC(start)).encryptor()
    opened = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    closed = cipher.update(padder.update(opened) + padder.finalize()) + cipher.finalize()
    settings = _sequence(_octets(salt), _integer(_COST), _integer(_BLOCK), _integer(_PARALLEL))
    scheme = _sequence(
        _sequence(_oid(_SCRYPT), settings),
        _sequence(_oid(_AES256_CBC), _octets(start)),
    )
    text = base64.b64encode(_sequence(_sequence(_oid(_PBES2), scheme), _octets(closed))).decode("ascii")
    lines = "\n".join(textwrap.wrap(text, 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{lines}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def opened(pem: bytes, passphrase: bytes, where: str) -> PrivateKey:
    """The key under this passphrase. Raises `WrongPassphrase`, and `Complaint` where there is no such key."""
    if b"-----BEGIN ENCRYPTED PRIVATE KEY-----" not in pem:
        raise Complaint(f"{where} holds no private key under a passphrase; restore it from a copy")
    try:
        key = load_pem_private_key(pem, passphrase)
    except (ValueError, TypeError, UnsupportedAlgorithm, MemoryError):
        raise WrongPassphrase(f"the passphrase does not open {where}") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
        raise Complaint(f"{where} holds a key of a kind that an authority here does not use")
    return key


def fingerprint(public: object) -> str:
    """The SHA-256 of a public key. Raises `TypeError` for what is none."""
    if not hasattr(public, "public_bytes"):
        raise TypeError("not a public key")
    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def weakness(public: object) -> str | None:
    """Why a public key is not to be certified, None where nothing speaks against it."""
    if isinstance(public, rsa.RSAPublicKey):
        return f"RSA of {public.key_size} bits is too short" if public.key_size < SHORTEST_RSA else None
    if isinstance(public, ec.EllipticCurvePublicKey):
        return None if public.curve.name in _GOOD_CURVES else f"the curve {public.curve.name} is not used by TLS"
    if isinstance(public, ed25519.Ed25519PublicKey):
        return None
    return f"keys of the kind {type(public).__name__.lstrip('_').removesuffix('PublicKey')} are not taken"


def kind_of(public: object) -> str:
    """How a key is told to people."""
    if isinstance(public, rsa.RSAPublicKey):
        return f"rsa{public.key_size}"
    if isinstance(public, ec.EllipticCurvePublicKey):
        return f"p{public.key_size}" if public.curve.name in _GOOD_CURVES else public.curve.name
    return type(public).__name__.lstrip("_").removesuffix("PublicKey").lower()


def require_passphrase(given: bytes) -> bytes:
    """The passphrase, if it may guard an authority. Raises `Complaint`."""
    if len(given) < SHORTEST_PASSPHRASE:
        raise Complaint(f"the passphrase is shorter than {SHORTEST_PASSPHRASE} characters; take a longer one")
    return given


def _encoded(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _sequence(*parts: bytes) -> bytes:
    return _encoded(0x30, b"".join(parts))


def _octets(content: bytes) -> bytes:
    return _encoded(0x04, content)


def _oid(content: str) -> bytes:
    return _encoded(0x06, bytes.fromhex(content))


def _integer(number: int) -> bytes:
    return _encoded(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))
