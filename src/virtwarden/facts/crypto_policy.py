"""The distribution's one policy for all cryptographic libraries, where it has one (RHEL, Fedora, SUSE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.host import Absent, Host, Unknown, Want, reading

CONFIG = "/etc/crypto-policies/config"
_CURRENT = "/etc/crypto-policies/state/current"


@dataclass(frozen=True, slots=True)
class CryptoPolicy:
    """The policy that is configured, and the one that was last applied; None with a refusal where not known."""

    configured: Value
    applied: Value | None = None
    refusal: str = ""

    wants: ClassVar[tuple[Want, ...]] = (reading(CONFIG), reading(_CURRENT))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read both files. Raises `Absent` where the host has no such policy."""
        try:
            configured = _policy(host, CONFIG)
        except Absent:
            raise Absent("the host has no system-wide cryptographic policy") from None
        try:
            return cls(configured, _policy(host, _CURRENT))
        except (Absent, Unknown) as refused:
            return cls(configured, None, str(refused))


def _policy(host: Host, path: str) -> Value:
    text = host.source.read(path)
    for number, line in enumerate(text.lines, 1):
        word = line.partition("#")[0].strip()
        if word:
            return Value(word.upper(), text.cite(number))
    raise Unknown(f"{path} names no policy", text.cite(text="no policy"))
