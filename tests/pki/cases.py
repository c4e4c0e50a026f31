"""Certificates good and bad, each as one side of a session uses it: what libvirt and GnuTLS make of them is a table."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519
from cryptography.x509.oid import ObjectIdentifier

from tests.pki.making import (
    DAY,
    NOW,
    Issued,
    as_version_1,
    authority,
    issue,
    resigned,
    revocations,
    rsa_key,
    with_subject,
)
from tests.pki.test_subjects import name as encoded

HOST = "kvmhost.example.org"
BOTH = ("digital_signature", "key_encipherment")
ROOT = authority()
FOREIGN = authority(subject="O=Foreign,CN=authority")


@dataclass(frozen=True)
class Case:
    """One set of files. `leaf` and what follows it in its file are judged; `other` is the honest peer's."""

    name: str
    role: str
    chain: tuple[Issued, ...]
    trusted: tuple[Issued, ...]
    other: Issued
    revoked: str = ""
    dial: str = HOST

    @property
    def leaf(self) -> Issued:
        return self.chain[0]

    @property
    def chain_pem(self) -> str:
        return "".join(each.pem for each in self.chain)

    @property
    def trusted_pem(self) -> str:
        return "".join(each.pem for each in self.trusted)


def server(
    name: str, *chain: Issued, trusted: tuple[Issued, ...] = (ROOT,), by: Issued = ROOT, **other: str
) -> Case:
    """A server's; `by` is who issued the honest client's."""
    honest = issue(by, "O=Example,CN=alice", purposes=("client",))
    return Case(name, "server", chain, trusted, honest, **other)


def client(
    name: str, *chain: Issued, trusted: tuple[Issued, ...] = (ROOT,), by: Issued = ROOT, **other: str
) -> Case:
    """A client's; `by` is who issued the honest server's."""
    honest = issue(by, names=(HOST,))
    return Case(name, "client", chain, trusted, honest, **other)


def good(signer: Issued = ROOT, **changed: object) -> Issued:
    """A sound server certificate but for what is changed."""
    return issue(signer, **{"names": (HOST,), **changed})  # type: ignore[arg-type]


def alice(signer: Issued = ROOT, **changed: object) -> Issued:
    """A sound client certificate but for what is changed."""
    return issue(signer, **{"subject": "O=Example,CN=alice", "purposes": ("client",), **changed})  # type: ignore[arg-type]


@cache
def cases() -> tuple[Case, ...]:
    """All cases."""
    return (*_dates(), *_authorities(), *_chains(), *_usages(), *_strengths(), *_names(), *_subjects(), *_others())


def _dates() -> Iterator[Case]:
    yield server("sound server", good())
    yield client("sound client", alice())
    yield server("expired server", good(ends=NOW - DAY))
    yield client("expired client", alice(ends=NOW - DAY))
    yield server("not yet valid server", good(starts=NOW + DAY))
    yield client("not yet valid client", alice(starts=NOW + DAY))
    yield server("server that ends soon", good(ends=NOW + 5 * DAY))
    old = authority(starts=NOW - 100 * DAY, ends=NOW - DAY)
    yield server("expired authority", good(old), trusted=(old,), by=old)
    early = authority(starts=NOW + DAY)
    yield server("authority not yet valid", good(early), trusted=(early,), by=early)


def _authorities() -> Iterator[Case]:
    yield server("foreign authority", good(FOREIGN))
    yield client("client of a foreign authority", alice(FOREIGN))
    yield server("self-signed server", issue(None, names=(HOST,)))
    own = issue(None, names=(HOST,))
    yield server("self-signed server among the trusted", own, trusted=(ROOT, own))
    plain = authority(constraints=None)
    yield server("authority without constraints", good(plain), trusted=(plain,), by=plain)
    no = authority(constraints=(False, None))
    yield server("authority that says it is none", good(no), trusted=(no,), by=no)
    first = resigned(ROOT, ROOT.key, as_version_1)
    yield server("authority of version 1", good(), trusted=(first,))
    mute = authority(usage=(("crl_sign",), True))
    yield server("authority that may not sign", good(mute), trusted=(mute,), by=mute)
    murmur = authority(usage=(("crl_sign",), False))
    yield server("authority that may not sign, not critical", good(murmur), trusted=(murmur,), by=murmur)
    silent = authority(usage=None)
    bare = authority(constraints=None, usage=None)
    yield server("authority without any extension", good(bare), trusted=(bare,), by=bare)
    yield server("authority without key usage", good(silent), trusted=(silent,), by=silent)
    yield server("two authorities, the second is it", good(FOREIGN), trusted=(ROOT, FOREIGN), by=FOREIGN)
    old = authority(subject="O=Example,CN=old", starts=NOW - 100 * DAY, ends=NOW - DAY)
    yield server("two authorities, the other expired", good(), trusted=(ROOT, old))
    yield server("server that is an authority", good(constraints=(True, None)))
    yield client("client that is an authority", alice(constraints=(True, None)))
    twin = authority()
    yield server("authority of the same name with another key first", good(), trusted=(twin, ROOT))
    yield server("issued by one of the same name and another key", good(twin))


def _chains() -> Iterator[Case]:
    middle = authority(ROOT, "O=Example,CN=middle")
    yield server("intermediate beside the root", good(middle), trusted=(ROOT, middle))
    yield server("intermediate alone is trusted", good(middle), trusted=(middle,), by=middle)
    yield server("intermediate in the server's file", good(middle), middle)
    yield client("intermediate in the client's file", alice(middle), middle)
    yield server("intermediate missing", good(middle))
    deep = authority(middle, "O=Example,CN=deep")
    yield server("three deep, all trusted", good(deep), trusted=(ROOT, middle, deep))
    yield server("three deep in the wrong order", good(deep), middle, deep, trusted=(ROOT,))
    narrow = authority(ROOT, "O=Example,CN=narrow", constraints=(True, 0))
    below = authority(narrow, "O=Example,CN=below")
    yield server("path too long", good(below), below, narrow)
    yield server("path too long, all trusted", good(below), trusted=(ROOT, narrow, below))
    past = authority(ROOT, "O=Example,CN=past", starts=NOW - 100 * DAY, ends=NOW - DAY)
    yield server("expired intermediate", good(past), trusted=(ROOT, past))
    kin = x509.NameConstraints([x509.DNSName("example.org")], None)
    inside = authority(subject="O=Example,CN=inside", extra=[(kin, True)])
    yield server("name within constraints", good(inside), trusted=(inside,), by=inside)
    other = x509.NameConstraints([x509.DNSName("example.net")], None)
    outside = authority(subject="O=Example,CN=outside", extra=[(other, True)])
    yield server("name outside constraints", good(outside), trusted=(outside,), by=outside)
    banned = x509.NameConstraints(None, [x509.DNSName("example.org")])
    without = authority(subject="O=Example,CN=without", extra=[(banned, True)])
    yield server("name excluded by constraints", good(without), trusted=(without,), by=without)
    net = x509.NameConstraints([x509.IPAddress(ipaddress.ip_network("198.51.100.0/24"))], None)
    far = authority(subject="O=Example,CN=far", extra=[(net, True)])
    yield server("address outside constraints", good(far, names=(HOST, "192.0.2.10")), trusted=(far,), by=far)


def _usages() -> Iterator[Case]:
    for critical, said in ((True, "critical"), (False, "not critical")):
        yield server(f"client purpose, {said}", good(purposes=("client",), purposes_critical=critical))
        yield client(f"server purpose, {said}", alice(purposes=("server",), purposes_critical=critical))
        yield server(f"strange purpose, {said}", good(purposes=("strange",), purposes_critical=critical))
        yield server(f"any purpose, {said}", good(purposes=("any",), purposes_critical=critical))
        yield server(f"no digital signature, {said}", good(usage=(("key_encipherment",), critical)))
        yield client(f"client without digital signature, {said}", alice(usage=(("key_encipherment",), critical)))
        yield server(f"no key encipherment, {said}", good(usage=(("digital_signature",), critical)))
        yield client(f"client without key encipherment, {said}", alice(usage=(("digital_signature",), critical)))
        yield server(f"only key agreement, {said}", good(usage=(("key_agreement",), critical)))
    yield client(
        "client's RSA without digital signature", alice(key=rsa_key(2048), usage=(("key_encipherment",), False))
    )
    yield server("RSA for key agreement alone", good(key=rsa_key(2048), usage=(("key_agreement",), False)))
    yield server("both purposes", good(purposes=("server", "client")))
    yield server("no purposes", good(purposes=None))
    yield server("no key usage", good(usage=None))
    yield server("RSA without digital signature", good(key=rsa_key(2048), usage=(("key_encipherment",), False)))


def _strengths() -> Iterator[Case]:
    for bits in (3072, 2048, 1024, 768, 512):
        yield server(f"RSA of {bits} bits", good(key=rsa_key(bits)))
        if bits < 2048:
            yield client(f"client's RSA of {bits} bits", alice(key=rsa_key(bits)))
    for curve in (ec.SECP224R1(), ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()):
        yield server(f"curve {curve.name}", good(key=ec.generate_private_key(curve)))
    yield server("curve brainpoolP256r1", good(key=ec.generate_private_key(ec.BrainpoolP256R1())))
    yield server("DSA", good(key=dsa.generate_private_key(2048)))
    yield client("client's DSA", alice(key=dsa.generate_private_key(2048)))
    yield server("Ed25519", good(key=ed25519.Ed25519PrivateKey.generate()))
    yield server("Ed448", good(key=ed448.Ed448PrivateKey.generate()))
    by_rsa = authority(subject="O=Example,CN=rsa", key=rsa_key(2048, 1))
    yield server("signed with RSA-PSS", good(by_rsa, pss=True), trusted=(by_rsa,), by=by_rsa)
    for digest in ("md5", "sha1"):
        weak = resigned(good(by_rsa), by_rsa.key, digest=digest)
        yield server(f"signed with {digest}", weak, trusted=(by_rsa,), by=by_rsa)
        weak = resigned(alice(by_rsa), by_rsa.key, digest=digest)
        yield client(f"client's signed with {digest}", weak, trusted=(by_rsa,), by=by_rsa)
    weak = resigned(by_rsa, by_rsa.key, digest="sha1")
    yield server("authority that signed itself with sha1", good(by_rsa), trusted=(weak,), by=by_rsa)
    short = authority(subject="O=Example,CN=short", key=rsa_key(1024, 1))
    yield server("authority's RSA of 1024 bits", good(short), trusted=(short,), by=short)


def _names() -> Iterator[Case]:
    yield server("no alternative names, common name", good(names=()))
    yield server("another name", good(names=("other.example.org",)))
    yield server("another name, common name right", issue(ROOT, names=("other.example.org",)))
    yield server("address in its place", good(names=(HOST, "192.0.2.10")), dial="192.0.2.10")
    yield server("address missing", good(), dial="192.0.2.10")
    yield server("address as a name", good(names=("192.0.2.10",)), dial="192.0.2.10")
    yield server("address in the common name", issue(ROOT, "CN=192.0.2.10"), dial="192.0.2.10")
    yield server("IPv6 address in its place", good(names=("::1",)), dial="::1")
    yield server("IPv6 address missing", good(), dial="::1")
    yield server("wildcard", good(names=("*.example.org",)))
    yield server("wildcard one label short", good(names=("*.example.org",)), dial="a.b.example.org")
    yield server("wildcard in part", good(names=("kvm*.example.org",)))
    yield server("wildcard before a part", good(names=("*host.example.org",)))
    yield server("wildcard alone", good(names=("*",)))
    yield server("wildcard over a domain of one label", good(names=("*.org",)), dial="example.org")
    yield server("wildcard in the common name", issue(ROOT, "CN=*.example.org"))
    yield server("name in capitals", good(names=(HOST.upper(),)))
    yield server("two common names", issue(ROOT, f"CN={HOST},CN=other"))
    yield server("only an address, common name right", issue(ROOT, f"CN={HOST}", names=("192.0.2.77",)))
    yield server("common name, not for servers", good(names=(), purposes=("strange",)))


def _subjects() -> Iterator[Case]:
    yield server("empty subject", good(subject=""))
    yield client("empty client subject", alice(subject=""))
    odd: tuple[tuple[str, bytes], ...] = (
        ("several values", encoded([("2.5.4.3", 12, b"a"), ("2.5.4.11", 12, b"b")])),
        ("twice the same attribute", encoded([("2.5.4.3", 12, b"a")], [("2.5.4.3", 12, b"a")])),
        ("teletex", encoded([("2.5.4.3", 20, b"M\xfcller")])),
        ("NUL", encoded([("2.5.4.3", 12, b"alice\0mallory")])),
        ("unknown attribute", encoded([("1.2.3.4", 12, b"x" * 60)])),
        ("empty attribute", encoded([("2.5.4.3", 12, b"")])),
        ("300 bytes", encoded([("2.5.4.3", 12, b"x" * 297)])),
        ("1023 bytes", encoded([("2.5.4.3", 12, b"x" * 1020)])),
        ("1024 bytes", encoded([("2.5.4.3", 12, b"x" * 1021)])),
        ("1100 bytes", encoded([("2.5.4.3", 12, b"x" * 1097)])),
    )
    for said, subject in odd:
        yield client(f"subject with {said}", resigned(alice(), ROOT.key, with_subject(subject)))


def _others() -> Iterator[Case]:
    first = resigned(good(), ROOT.key, as_version_1)
    yield server("server of version 1", first)
    yield client("client of version 1", resigned(alice(), ROOT.key, as_version_1))
    strange = x509.UnrecognizedExtension(ObjectIdentifier("1.3.6.1.4.1.99999.7"), b"\x05\x00")
    yield server("unknown critical extension", good(extra=[(strange, True)]))
    yield server("unknown extension", good(extra=[(strange, False)]))
    yield server("very long serial number", good(serial=(1 << 159) - 1))
    yield server("serial number of one", good(serial=1))
    leaf, person = good(), alice()
    yield server("revoked server", leaf, revoked=revocations(ROOT, leaf))
    yield client("revoked client", person, revoked=revocations(ROOT, person))
    yield client("client beside a revoked one", alice(), revoked=revocations(ROOT, person))
    stale = {"starts": NOW - 40 * DAY, "ends": NOW - DAY}
    yield client("stale list", alice(), revoked=revocations(ROOT, **stale))
    yield client("revoked by a stale list", person, revoked=revocations(ROOT, person, **stale))
    yield client("list of the future", alice(), revoked=revocations(ROOT, starts=NOW + DAY))
    yield client("list of a foreign authority", person, revoked=revocations(FOREIGN, person))
    forged = Issued(FOREIGN.der, FOREIGN.key, ROOT.subject)
    yield client("forged list", person, revoked=revocations(forged, person))
