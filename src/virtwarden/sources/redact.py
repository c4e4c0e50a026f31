"""Secrets are blanked before anyone sees them: no finding, no recording and no report can leak what it never had.

Redacting keeps the number of lines and everything that is no secret, and doing it twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from virtwarden.host import Head, Output, Source, Stat, Text, Unknown, Want
from virtwarden.sources.blanking import REDACTED, Blanker, blank_in_place
from virtwarden.sources.diskhead import without_contents
from virtwarden.sources.keystandin import of_der
from virtwarden.sources.lukshead import without_salts
from virtwarden.sources.secretkeys import IN_WORDS
from virtwarden.sources.secretrules import RULES

_ONLY_SECRETS = re.compile(
    r"/libvirt/secrets/[^/]+(?<!\.xml)\Z|/libvirt/.*/master-key\.aes\Z|/cryptsetup-keys\.d/|/\.vnc/passwd\Z"
    r"|/(?:chap-secrets|pap-secrets|ipsec\.secrets|psk\.txt|\.pgpass|\.my\.cnf|passwd-s3fs|opasswd|smbpasswd)\Z"
    r"|/(?:rsyncd\.secrets|chrony\.keys|ntp/keys|authkey|munge\.key)\Z"
)
_DATABASES = re.compile(
    r"/passwd\.db\Z|/sasldb2?[^/]*\Z|/krb5\.(?:tab|keytab)\Z|\.keytab\Z|/krb5cc_[^/]*\Z|/secrets\.tdb\Z"
    r"|\.(?:p12|pfx|jks|keystore|kdbx|key|keyfile)\Z|/private/[^/]+\Z"
)
_MAY_HOLD_NULLS = re.compile(r"/proc/\d+/|/(?:pki|ssl|private)/|\.(?:pem|key)\Z")
_KEYTAB = "\x05\x02"
_DER = ("0\udc82", "0\udc81", "0.\x02\x01")
_DROPPED = re.compile(r"\[redacted(?:: \d+ bytes)?\]\n*")
_SAYS_SECRET = (("virsh", "secret-get-value"), ("keyctl", "print"), ("keyctl", "pipe"), ("ceph", "get-key"))

_WHOLE_WORDS = (
    "private keys in PEM, PKCS #8, OpenSSH and PGP armour and in DER: a block stands in that tells type, size and "
    "the SHA-256 of the public key, or that the key is encrypted",
    "values of libvirt's secrets, QEMU's master keys, key files of encrypted volumes, VNC password files, "
    "PPP's and IPsec's secrets: the whole content",
    "SASL databases, Kerberos keytabs and ticket caches, PKCS #12 and Java key stores, binary key files, and what "
    "is no PEM in a directory named private: the content, of which only the length stays",
    "the output of commands that print a secret: `virsh secret-get-value`, `keyctl print`",
    "the first bytes of images and volumes: all is zeroed but the headers of formats and of LUKS and partition "
    "tables",
    "LUKS headers: salts, digests and key slots are zeroed, lengths stay",
)


def rules_in_words() -> tuple[str, ...]:
    """Every kind of secret that is blanked, a line each."""
    return (*_WHOLE_WORDS, IN_WORDS, *(rule.what for rule in RULES))


def redact_text(path: str, text: str, blanker: Blanker) -> str:
    """A file's text without its secrets."""
    if _DROPPED.fullmatch(text):
        return text
    if _ONLY_SECRETS.search(path):
        return _dropped(text, REDACTED) if text.strip() else text
    if text.startswith(_DER):
        key = of_der(text.encode("utf-8", "surrogateescape"))
        if key is not None:
            return key.block(text.count("\n"))
    if text.startswith(_KEYTAB) or (_DATABASES.search(path) and text and "-----BEGIN" not in text):
        return _dropped(text, f"[redacted: {len(text.encode('utf-8', 'surrogateescape'))} bytes]")
    return blanker.blanked(path, text)


def redact_output(argv: tuple[str, ...], text: str, blanker: Blanker) -> str:
    """What a command printed, without its secrets."""
    if any(argv[:1] == (program,) and verb in argv for program, verb in _SAYS_SECRET):
        return _dropped(text, REDACTED) if text.strip() else text
    return blanker.blanked(" ".join(argv), text)


def redact_head(path: str, data: bytes, blanker: Blanker) -> bytes:
    """The first bytes of a file without contents and secrets; their number stays, as headers depend on it."""
    if path.startswith("/sys/"):
        return data
    text = without_salts(without_contents(data)).decode("utf-8", "surrogateescape")
    return blanker.blanked(path, text, blank_in_place).encode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Redacted:
    """A source whose answers hold no secrets."""

    inner: Source
    _blanker: Blanker = field(default_factory=Blanker, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The name of the source itself."""
        return self.inner.name

    @property
    def taken_at(self) -> datetime:
        """The time of the source itself."""
        return self.inner.taken_at

    def read(self, path: str) -> Text:
        """A file's text without its secrets. Raises `Unknown` for what is no text, as a crash can leave it."""
        found = self.inner.read(path)
        text = redact_text(path, found.text, self._blanker)
        if "\0" in text and not _MAY_HOLD_NULLS.search(path):
            raise Unknown(f"{path} holds null bytes, as no text does")
        return found if text == found.text else Text(found.path, text, found.at)

    def head(self, path: str, length: int) -> Head:
        """A file's first bytes without secrets."""
        found = self.inner.head(path, length)
        return replace(found, data=redact_head(path, found.data, self._blanker))

    def glob(self, pattern: str) -> list[str]:
        """Names are no secrets."""
        return self.inner.glob(pattern)

    def stat(self, path: str) -> Stat:
        """Modes and owners are no secrets."""
        return self.inner.stat(path)

    def run(self, *argv: str) -> Output:
        """A command's output without secrets."""
        found = self.inner.run(*argv)
        stdout, stderr = (redact_output(argv, text, self._blanker) for text in (found.stdout, found.stderr))
        return replace(found, stdout=stdout, stderr=stderr)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Passed on."""
        self.inner.fetch(wants)


def _dropped(text: str, notice: str) -> str:
    return notice + "\n" * text.count("\n")
