"""Whether a certificate leads to a trusted authority, as GnuTLS 3.7 decides, and why not.

The chain is taken in the order in which it is sent. It ends at the first certificate that is trusted itself, by its
name and key. The trusted ones are not asked who issued them, but for their dates, constraints and usages.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509

from virtwarden.pki.verify.constraints import beyond
from virtwarden.pki.verify.faults import Fault, refused

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate

_DEEPEST = 16
_KNOWN = frozenset({
    "2.5.29.14", "2.5.29.15", "2.5.29.16", "2.5.29.17", "2.5.29.19", "2.5.29.30", "2.5.29.31", "2.5.29.35",
    "2.5.29.37", "2.5.29.54", "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.14", "1.3.6.1.5.5.7.1.24",
})  # fmt: skip


@dataclass(slots=True)
class _Path:
    """The way down from the trusted authority, as far as it was gone."""

    now: datetime
    left: int = _DEEPEST
    authorities: list[Certificate] = field(default_factory=list)


def faults(chain: Sequence[Certificate], trusted: Sequence[Certificate], now: datetime) -> Iterator[Fault]:
    """Why GnuTLS does not trust the chain; the first that it comes upon, nothing where it does."""
    links = list(chain)
    if len(links) > 1 and links[-1].self_issued:
        links.pop()
    for depth, each in enumerate(links):
        anchor = next((one for one in trusted if _is_same(each, one, depth)), None)
        if anchor is not None:
            del links[depth:]
            yield from _dates(anchor, now)
            break
    path = _Path(now)
    issuers: Sequence[Certificate] = trusted
    for each in reversed(links):
        found = list(_link(each, issuers, path, is_trusted=issuers is trusted))
        if found:
            yield from found
            return
        issuers = (each,)
    if links:
        outside = [name for one in path.authorities for name in beyond(one, links[0])]
        if outside:
            yield refused("outside-constraints", f"{outside[0]} is not a name that its authority may give")


def _link(
    certificate: Certificate, issuers: Sequence[Certificate], path: _Path, *, is_trusted: bool
) -> Iterator[Fault]:
    strange = [each for each in certificate.critical_extensions if each not in _KNOWN]
    if strange:
        yield refused("critical-extension", f"insists on the extension {strange[0]}, which GnuTLS does not know")
    yield from _dates(certificate, path.now)
    if certificate.weakly_signed:
        yield refused("weak-signature", f"signed with {str(certificate.signature_hash).upper()}")
    named = [each for each in issuers if _is_named(certificate, each)]
    if not named:
        yield refused("no-issuer", f"no authority beside it has issued it: {certificate.issuer} is not among them")
        return
    issuer = next((each for each in named if certificate.issued_by(each)), None)
    if issuer is None:
        yield refused("bad-signature", f"no authority beside it has issued it: {named[0].subject} has another key")
        return
    if path.left == 0:
        yield refused("path-too-long", "more authorities stand above it than one of them allows")
    yield from _may_issue(issuer, is_trusted=is_trusted)
    if is_trusted:
        yield from _dates(issuer, path.now)
    length = issuer.path_length
    path.left = min(path.left - 1, _DEEPEST if length is None else length)
    path.authorities.append(issuer)


def _may_issue(issuer: Certificate, *, is_trusted: bool) -> Iterator[Fault]:
    if issuer.authority is False or (issuer.authority is None and not is_trusted):
        yield refused("not-an-authority", f"{issuer.subject}, who issued it, is not an authority")
    if issuer.usage is not None and "key_cert_sign" not in issuer.usage:
        yield refused("may-not-sign", f"{issuer.subject}, who issued it, may not sign certificates")


def _is_same(certificate: Certificate, anchor: Certificate, depth: int) -> bool:
    if depth == 0:
        return certificate.der == anchor.der
    return certificate.raw_subject == anchor.raw_subject and certificate.key_id == anchor.key_id


def _is_named(certificate: Certificate, issuer: Certificate) -> bool:
    if certificate.raw_issuer != issuer.raw_subject:
        return False
    wanted, held = (
        _identifier(certificate, x509.AuthorityKeyIdentifier),
        _identifier(issuer, x509.SubjectKeyIdentifier),
    )
    return wanted is None or held is None or wanted == held


def _identifier(
    certificate: Certificate, kind: type[x509.AuthorityKeyIdentifier | x509.SubjectKeyIdentifier]
) -> bytes | None:
    try:
        found = certificate.parsed.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
    return found.key_identifier


def _dates(certificate: Certificate, now: datetime) -> Iterator[Fault]:
    if certificate.not_before > now:
        yield refused(
            "not-yet-valid", f"{certificate.subject} is not valid before {certificate.not_before:%Y-%m-%d}"
        )
    elif certificate.not_after < now:
        yield refused("expired", f"{certificate.subject} expired on {certificate.not_after:%Y-%m-%d}")
