"""What stands in the place of a private key: enough to judge it and to recognise it again, nothing to use it.

The SHA-256 of the public key (its SubjectPublicKeyInfo) tells whether two files hold the same key, and whether
a certificate belongs to one, without the key.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

_BEGIN, _END = "-----BEGIN REDACTED KEY-----", "-----END REDACTED KEY-----"
_STAND_IN = re.compile(f"{_BEGIN}\\s*([^\\n]*?)\\s*{_END}")
_FIELD = re.compile(r"([a-z0-9-]+)=(\S*)")
_PEM = re.compile(
    r"-----BEGIN (?P<label>[A-Z0-9 ]{0,40})PRIVATE KEY(?P<block> BLOCK)?-----.*?"
    r"(?:-----END (?P=label)PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)
_ENCRYPTED = re.compile(r"BEGIN ENCRYPTED PRIVATE KEY|Proc-Type:\s*4,\s*ENCRYPTED")


@dataclass(frozen=True, slots=True)
class KeyStandIn:
    """A private key as far as it may be known.

    `kind` is `rsa`, `ec`, `ed25519` …, or `unreadable`; `bits` and `spki_sha256` (hex) are None where the key
    could not be opened, as when it is `encrypted`.
    """

    kind: str
    bits: int | None = None
    spki_sha256: str | None = None
    encrypted: bool = False

    def block(self, newlines: int) -> str:
        """The text of the stand-in, with as many line ends as the key's own text had."""
        fields = [f"kind={self.kind}", f"encrypted={'yes' if self.encrypted else 'no'}"]
        if self.bits is not None:
            fields.append(f"bits={self.bits}")
        if self.spki_sha256 is not None:
            fields.append(f"spki-sha256={self.spki_sha256}")
        before = "\n" if newlines > 1 else " "
        after = "\n" * (newlines - 1 if newlines > 1 else newlines) or " "
        return f"{_BEGIN}{before}{' '.join(fields)}{after}{_END}"


def stand_ins(text: str) -> list[KeyStandIn]:
    """The private keys that a text held before it was redacted, in order."""
    return [_parsed(match[1]) for match in _STAND_IN.finditer(text)]


def without_keys(text: str) -> str:
    """The text with a stand-in for each private key in PEM, PKCS #8, OpenSSH or PGP armour."""
    return _PEM.sub(lambda match: _of_pem(match[0]).block(match[0].count("\n")), text)


def of_der(data: bytes) -> KeyStandIn | None:
    """The stand-in for a private key in DER; None if it is none."""
    from cryptography.hazmat.primitives.serialization import load_der_private_key  # noqa: PLC0415  # only few hosts need it

    try:
        return _known(load_der_private_key(data, None))
    except TypeError:
        return KeyStandIn("unreadable", encrypted=True)
    except Exception:  # whatever the parser says of junk, it is no key
        return None


def _parsed(line: str) -> KeyStandIn:
    fields = dict(_FIELD.findall(line))
    bits = fields.get("bits", "")
    return KeyStandIn(
        kind=fields.get("kind", "unreadable"),
        bits=int(bits) if bits.isdecimal() and len(bits) < 8 else None,
        spki_sha256=fields.get("spki-sha256"),
        encrypted=fields.get("encrypted") == "yes",
    )


def _of_pem(block: str) -> KeyStandIn:
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key  # noqa: PLC0415  # only few hosts need it

    if _ENCRYPTED.search(block):
        return KeyStandIn("unreadable", encrypted=True)
    lines = block.replace("\\n", "\n").split("\n")
    data = "\n".join(line.strip() for line in lines).encode("utf-8", "surrogateescape") + b"\n"
    load = load_ssh_private_key if b"OPENSSH" in data[:40] else load_pem_private_key
    try:
        return _known(load(data, None))
    except TypeError:
        return KeyStandIn("unreadable", encrypted=True)
    except Exception as error:  # damaged keys fail in many ways, all of them unreadable
        return KeyStandIn("unreadable", encrypted="password-protected" in str(error))


def _known(key: object) -> KeyStandIn:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415  # only few hosts need it

    public = key.public_key()  # type: ignore[attr-defined]  # each kind of private key has one
    spki = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kind = type(key).__name__.lstrip("_").removesuffix("PrivateKey").removeprefix("EllipticCurve") or "EC"
    bits = getattr(key, "key_size", None)
    if bits is None and kind.startswith("Ed"):
        bits = {"Ed25519": 256, "Ed448": 456}.get(kind)
    return KeyStandIn(kind.lower(), bits, hashlib.sha256(spki).hexdigest())
