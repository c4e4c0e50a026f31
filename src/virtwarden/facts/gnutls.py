"""Which TLS versions and algorithms GnuTLS allows: what a priority string says, and what the host forbids all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.crypto_policy import CryptoPolicy
from virtwarden.formats import Malformed, ini
from virtwarden.host import Absent, Host, Text, Unknown, Want, reading
from virtwarden.model import Evidence

_CONFIG = "/etc/gnutls/config"
# Where there is a policy of the host's, GnuTLS reads what that makes for it.
_MADE = "/etc/crypto-policies/back-ends/gnutls.config"
OLD_VERSIONS = ("SSL3.0", "TLS1.0", "TLS1.1")
_BROKEN = ("NULL", "ANON", "ARCFOUR", "3DES", "DES-", "RC2", "MD5", "EXPORT")
_UNSAFE = (
    "%UNSAFE_RENEGOTIATION",
    "%DISABLE_SAFE_RENEGOTIATION",
    "%VERIFY_ALLOW_SIGN_RSA_MD2",
    "%VERIFY_ALLOW_SIGN_RSA_MD5",
    "%VERIFY_ALLOW_SIGN_WITH_SHA1",
    "%VERIFY_ALLOW_BROKEN",
)


@dataclass(frozen=True, slots=True)
class Gnutls:
    """`system` is the name of the host's policy for all libraries, None where there is none; `disabled` are the
    protocol versions that the host forbids whatever a program asks for, `listed` whether it names those that it
    allows."""

    system: str | None = None
    disabled: frozenset[str] = frozenset()
    evidence: tuple[Evidence, ...] = ()
    listed: bool = False

    wants: ClassVar[tuple[Want, ...]] = (reading(_MADE), reading(_CONFIG))

    def weaknesses(self, priority: str) -> tuple[str, ...]:
        """What a priority string allows that nothing should. Raises `Unknown` for one that leans on a policy
        that is not there."""
        words = [word.strip() for word in priority.split(":") if word.strip()]
        old: set[str] = set()
        found: list[str] = []
        for word in words:
            if word.startswith("@"):
                if self.system is None:
                    raise Unknown(f"{word} leaves it to a policy of the host, which has none")
                found.extend(["the host's policy LEGACY"] if self.system.startswith("LEGACY") else [])
                old |= set(OLD_VERSIONS if self.listed else ())
            elif word.startswith("%"):
                found.extend([word] if word.upper() in _UNSAFE else [])
            elif word[0] in "+-!":
                _adjust(word[0] == "+", word[1:].upper(), old, found)
            elif not word.upper().startswith(("NONE", "SUITEB")):
                old |= {"TLS1.0", "TLS1.1"}
                found.extend([word] if word.upper() in ("LEGACY", "EXPORT") else [])
        return tuple(dict.fromkeys((*sorted(old - self.disabled), *found)))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read GnuTLS's own configuration and the host's policy."""
        system: str | None = None
        evidence: tuple[Evidence, ...] = ()
        try:
            policy = host.get(CryptoPolicy)
            system, evidence = policy.configured.value, (policy.configured.evidence,)
        except Absent:
            pass  # Debian and its kin have none
        for path in (_CONFIG,) if system is None else (_MADE, _CONFIG):
            try:
                text = host.source.read(path)
            except Absent:
                continue
            found, listed = _overrides(text)
            named = frozenset(entry.value.partition("#")[0].strip().upper() for entry in found)
            disabled = frozenset(OLD_VERSIONS) - named if listed else named
            return cls(system, disabled, (*evidence, *(text.cite(entry.line) for entry in found)), listed)
        return cls(system, frozenset(), evidence)


def _overrides(text: Text) -> tuple[tuple[ini.Entry, ...], bool]:
    """The lines about protocol versions, and whether they allow (True) or forbid."""
    try:
        entries = ini.parse(text.text, text.path)
    except Malformed as wrong:
        raise Unknown(f"{text.path}: {wrong}", text.cite(wrong.line or None)) from None
    mode = ini.last(entries, "global", "override-mode")
    listed = mode is not None and mode.value.lower() == "allowlist"
    return ini.every(entries, "overrides", "enabled-version" if listed else "disabled-version"), listed


def _adjust(adds: bool, name: str, old: set[str], found: list[str]) -> None:
    version = name.removeprefix("VERS-")
    if version in ("ALL", "TLS-ALL") and name != version:
        old.clear()
        old.update(OLD_VERSIONS[1:] if adds else ())
    elif version in OLD_VERSIONS:
        (old.add if adds else old.discard)(version)
    elif adds and name.startswith(_BROKEN):
        found.append(f"+{name}")
