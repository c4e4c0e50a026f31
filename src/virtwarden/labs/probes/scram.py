"""The client's half of SCRAM, SASL's mechanism that never hands the password over. Sources: RFC 5802, RFC 7677."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets

from virtwarden.formats import Malformed

HASHES = {"SCRAM-SHA-512": "sha512", "SCRAM-SHA-256": "sha256", "SCRAM-SHA-1": "sha1"}
_NO_BINDING = "n,,"
_MOST_ROUNDS = 1 << 20


class Scram:
    """One log-in. `final` after `first`; the server's own proof is checked by `is_proved`."""

    def __init__(self, mechanism: str, user: str, password: bytes, nonce: str = "") -> None:
        self._hash = HASHES[mechanism]
        self._password = password
        self._nonce = nonce or secrets.token_urlsafe(18)
        name = user.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={self._nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """What is said first."""
        return (_NO_BINDING + self._bare).encode()

    def final(self, challenge: bytes) -> bytes:
        """The answer to what the server said. Raises `Malformed`."""
        said = challenge.decode("utf-8", "replace")
        parts = dict(part.partition("=")[::2] for part in said.split(","))
        nonce, rounds = parts.get("r", ""), parts.get("i", "")
        if not nonce.startswith(self._nonce) or not (rounds.isascii() and rounds.isdigit() and len(rounds) < 8):
            raise Malformed("a challenge that is not SCRAM's")
        if not 0 < int(rounds) <= _MOST_ROUNDS:
            raise Malformed(f"a challenge that asks for {rounds} rounds")
        try:
            salt = base64.b64decode(parts.get("s", ""), validate=True)
        except (binascii.Error, ValueError):
            raise Malformed("a challenge without salt") from None
        bound = base64.b64encode(_NO_BINDING.encode()).decode()
        unproved = f"c={bound},r={nonce}"
        proof = self._proof(salt, int(rounds), f"{self._bare},{said},{unproved}".encode("utf-8", "replace"))
        return f"{unproved},p={base64.b64encode(proof).decode()}".encode()

    def is_proved(self, last: bytes) -> bool:
        """Whether the server knows the password too."""
        return hmac.compare_digest(last.strip(), b"v=" + base64.b64encode(self._signature))

    def _proof(self, salt: bytes, rounds: int, whole: bytes) -> bytes:
        salted = hashlib.pbkdf2_hmac(self._hash, self._password, salt, rounds)
        client = hmac.digest(salted, b"Client Key", self._hash)
        stored = hashlib.new(self._hash, client).digest()
        self._signature = hmac.digest(hmac.digest(salted, b"Server Key", self._hash), whole, self._hash)
        return bytes(a ^ b for a, b in zip(client, hmac.digest(stored, whole, self._hash), strict=True))
