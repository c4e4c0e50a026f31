"""The certificates and keys that are to be placed on the host: those in the folder that the policy names.

Its layout is fixed: a folder for each use (`libvirt`, `vnc`, `spice` …) with `cacert.pem`, `cacrl.pem`,
`servercert.pem`, `serverkey.pem`, `clientcert.pem` and `clientkey.pem`; what lies in the folder itself is for libvirt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from virtwarden.facts.policy import Policy
from virtwarden.formats import Malformed, pem
from virtwarden.host import Absent, Host, Stat, Text, Unknown, Want, reading
from virtwarden.model import Evidence
from virtwarden.pki.places import PARTS, USES, Part, Use
from virtwarden.sources.keystandin import KeyStandIn, stand_ins
from virtwarden.sources.pemidentity import identity

if TYPE_CHECKING:
    from virtwarden.formats.certificate import Certificate, RevocationList

Name = tuple[Use, Part]


@dataclass(frozen=True, slots=True)
class Offered:
    """One file of the folder; `problem` says why it cannot be used as what its name says."""

    use: Use
    part: Part
    path: str
    stat: Stat | None = None
    text: Text | None = None
    identity: str = ""
    certificates: tuple[Certificate, ...] = ()
    keys: tuple[KeyStandIn, ...] = ()
    revocations: tuple[RevocationList, ...] = ()
    problem: str = ""

    def cite(self, words: str) -> Evidence:
        """Evidence from this file, in words."""
        return Evidence(words, path=self.path) if self.text is None else self.text.cite(text=words)


@dataclass(frozen=True, slots=True)
class Certificates:
    """What the folder holds, by use and part; `folder` is empty where the policy names none. `foreign` are private
    keys in it that have no place on a host, such as the authority's own."""

    folder: str = ""
    files: Mapping[Name, Offered] = field(default_factory=dict)
    foreign: tuple[Offered, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = ()

    @property
    def uses(self) -> tuple[Use, ...]:
        """The uses that it has files for."""
        return tuple(use for use in USES if any(each.use == use for each in self.files.values()))

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the folder, where the policy names one. Raises `Unknown` where it cannot be listed."""
        named = host.get(Policy).remote.certificates
        if not named:
            return cls()
        folder = named.rstrip("/") or "/"
        host.source.fetch([reading(f"{folder}/*.pem"), *(reading(f"{folder}/{use}/*.pem") for use in USES)])
        files: dict[Name, Offered] = {}
        foreign: list[Offered] = []
        for use, path in _listed(host, folder):
            part = path.rpartition("/")[2].removesuffix(".pem")
            if part in PARTS:
                files.setdefault((use, part), _read(host, use, part, path))
            elif _holds_key(host, path):
                foreign.append(Offered(use, "cacert", path, problem=_why_foreign(part)))
        return cls(folder, files, tuple(foreign))


def _listed(host: Host, folder: str) -> Iterator[tuple[Use, str]]:
    """The files, those of a folder for libvirt before what lies loose."""
    for use in USES:
        for path in host.source.glob(f"{folder}/{use}/*.pem"):
            yield use, path
    for path in host.source.glob(f"{folder}/*.pem"):
        yield "libvirt", path


def _read(host: Host, use: Use, part: Part, path: str) -> Offered:
    from virtwarden.formats import certificate as x509  # noqa: PLC0415  # it takes long to load

    stat = text = None
    try:
        stat, text = host.source.stat(path), host.source.read(path)
        told = identity(text.text)
        blocks = pem.parse(text.text)
        certificates = tuple(x509.certificate(block.text) for block in blocks if block.is_certificate)
        lists = tuple(x509.revocation_list(block.text) for block in blocks if block.label == "X509 CRL")
    except (Absent, Unknown) as refused:
        return Offered(use, part, path, stat, text, problem=f"cannot be read: {refused}")
    except Malformed as wrong:
        return Offered(use, part, path, stat, text, problem=str(wrong))
    keys = tuple(stand_ins(text.text))
    problem = _mixed(part, len(certificates), len(keys), len(lists))
    return Offered(use, part, path, stat, text, told, certificates, keys, lists, problem)


def _mixed(part: Part, certificates: int, keys: int, lists: int) -> str:
    """Why a file is not what its name says; empty where it is."""
    if part.endswith("key"):
        return (
            "" if keys == 1 and not certificates and not lists else "is to hold one private key and nothing else"
        )
    if keys:
        return "holds a private key, which everybody could read there"
    if part == "cacrl":
        return "" if lists and not certificates else "is to hold revocation lists alone"
    return "" if certificates and not lists else "is to hold certificates alone"


def _why_foreign(name: str) -> str:
    if name.startswith("ca"):
        return "is the authority's private key, which has no place on a host"
    return f"holds a private key, and is none of {', '.join(f'{part}.pem' for part in PARTS)}"


def _holds_key(host: Host, path: str) -> bool:
    """Whether a file holds a private key, be it under a passphrase."""
    try:
        return bool(stand_ins(host.source.read(path).text))
    except (Absent, Unknown):
        return False
