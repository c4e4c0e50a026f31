"""The certificates that probes show: those that are given, and strange ones that are made for the occasion.

Keys of made ones are never on a disk: they are in memory that is handed to the TLS library as a file.
"""

from __future__ import annotations

import os
import ssl
import stat
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from virtwarden.lab import Bearer, Impossible

if TYPE_CHECKING:
    from cryptography import x509

    from virtwarden.formats.certificate import Certificate
    from virtwarden.pki.authority import Signer

_LONGEST = 1 << 20
_NAMES = (("clientcert.pem", "clientkey.pem"), ("client-cert.pem", "client-key.pem"))
_SUBFOLDERS = ("", "private/")
_WANTED = {
    Bearer.OURS: "give a client's certificate and key with --pkipath",
    Bearer.SERVER: "the server's certificate and key are not on this machine",
    Bearer.UNLISTED: "give a client of the authority who is not listed with --unlisted, or --authority to make one",
    Bearer.EXPIRED: "give a client whose certificate has expired with --expired, or --authority to make one",
    Bearer.REVOKED: "give a client whose certificate was revoked with --revoked",
}


@dataclass(frozen=True, slots=True)
class Papers:
    """A certificate, or a chain of them, and its key, by their files."""

    certificate: str
    key: str

    def load(self, context: ssl.SSLContext) -> None:
        """Have them shown. Raises `Impossible`."""
        for path in (self.certificate, self.key):
            _require_regular(path)
        try:
            context.load_cert_chain(self.certificate, self.key, _no_passphrase)
        except (ssl.SSLError, OSError, ValueError) as wrong:
            said = getattr(wrong, "reason", None) or getattr(wrong, "strerror", None) or str(wrong)
            why = said.lower().replace("_", " ")
            raise Impossible(f"{self.certificate} and {self.key} cannot be used: {why}") from None

    def read(self) -> Certificate:
        """What the certificate says. Raises `Impossible`."""
        from virtwarden.formats import Malformed, pem  # noqa: PLC0415  # loading the library takes long
        from virtwarden.formats.certificate import certificate  # noqa: PLC0415

        _require_regular(self.certificate)
        try:
            with open(self.certificate, encoding="ascii", errors="surrogateescape") as file:
                blocks = [each for each in pem.parse(file.read(_LONGEST)) if each.is_certificate]
            if not blocks:
                raise Impossible(f"there is no certificate in {self.certificate}")
            return certificate(blocks[0].text)
        except (OSError, Malformed) as wrong:
            raise Impossible(f"{self.certificate}: {wrong}") from None


def found_in(folder: str) -> Papers:
    """A client's certificate and key in a folder, as libvirt and QEMU name them. Raises `Impossible`."""
    for certificate, key in _NAMES:
        for within in _SUBFOLDERS:
            papers = Papers(f"{folder.rstrip('/')}/{certificate}", f"{folder.rstrip('/')}/{within}{key}")
            if os.path.exists(papers.certificate) and os.path.exists(papers.key):
                return papers
    raise Impossible(f"there is no clientcert.pem with its clientkey.pem in {folder}")


@dataclass
class Wallet:
    """All that can be shown; a context manager, after which made keys are gone."""

    given: Mapping[Bearer, Papers] = field(default_factory=dict)
    _made: dict[Bearer, Papers] = field(default_factory=dict)
    _held: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def of(self, bearer: Bearer) -> Papers | None:
        """What this one shows, None for nothing. Raises `Impossible` where it is not at hand, or proves nothing."""
        if bearer is Bearer.NOBODY:
            return None
        if bearer in (Bearer.SELF_SIGNED, Bearer.FOREIGN):
            return self._strange(bearer)
        papers = self.given.get(bearer) or self._made.get(bearer)
        if papers is None:
            raise Impossible(_WANTED[bearer])
        if bearer not in (Bearer.OURS, Bearer.SERVER):
            self._require_fit(bearer, papers)
        return papers

    def issue_by(self, signer: Signer, bearers: Iterable[Bearer]) -> None:
        """Have the site's authority make those of these strangers that are not given and that it can make."""
        from virtwarden.labs.probes.strange import expired, unlisted  # noqa: PLC0415  # it takes long

        for bearer in bearers:
            if bearer not in self.given and bearer in (Bearer.UNLISTED, Bearer.EXPIRED):
                made = unlisted(signer) if bearer is Bearer.UNLISTED else expired(signer, self._model())
                self._made[bearer] = Papers(*(self._in_memory(data) for data in made))

    def _require_fit(self, bearer: Bearer, papers: Papers) -> None:
        """That its refusal would be for the reason that is to be proved."""
        shown, ours = papers.read(), self.of(Bearer.OURS)
        now = datetime.now(UTC)
        if bearer is Bearer.EXPIRED and shown.not_after > now:
            raise Impossible(f"{papers.certificate} has not expired")
        if bearer is not Bearer.EXPIRED and not shown.not_before <= now <= shown.not_after:
            raise Impossible(f"{papers.certificate} is not valid today, so its refusal would prove nothing else")
        if ours is not None and ours.read().issuer != shown.issuer:
            raise Impossible(f"{papers.certificate} is of another authority than {ours.certificate}")

    def _strange(self, bearer: Bearer) -> Papers:
        if bearer not in self._made:
            from virtwarden.labs.probes.strange import foreign, self_signed  # noqa: PLC0415  # it takes long

            made = (foreign if bearer is Bearer.FOREIGN else self_signed)(self._model())
            self._made[bearer] = Papers(*(self._in_memory(data) for data in made))
        return self._made[bearer]

    def _model(self) -> x509.Certificate | None:
        """The certificate whose names strange ones bear."""
        like = next((each for each in (Bearer.OURS, Bearer.SERVER) if each in self.given), None)
        return None if like is None else self.given[like].read().parsed

    def _in_memory(self, data: bytes) -> str:
        descriptor = os.memfd_create("virt-warden")
        self._held.callback(os.close, descriptor)
        os.write(descriptor, data)
        return f"/proc/{os.getpid()}/fd/{descriptor}"


def _require_regular(path: str) -> None:
    try:
        found = os.stat(path)
    except (OSError, ValueError) as wrong:
        raise Impossible(f"{path}: {(getattr(wrong, 'strerror', None) or str(wrong)).lower()}") from None
    if not stat.S_ISREG(found.st_mode):
        raise Impossible(f"{path} is not a regular file")
    if found.st_size > _LONGEST:
        raise Impossible(f"{path} is larger than a certificate or key")


def _no_passphrase() -> bytes:
    """Nobody is asked for one in the middle of a probe."""
    raise ValueError("the key is under a passphrase")
