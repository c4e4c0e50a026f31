"""What an authority hands out, as files: a folder that libvirt takes as `?pkipath=`, or one such folder for each use.

DIR/{cacert,cacrl,servercert,serverkey,clientcert,clientkey}.pem, or the same in DIR/USE. A peer has one certificate
under both names.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from virtwarden.complaint import Complaint
from virtwarden.pki import keys, secretfiles
from virtwarden.pki.authority import Authority
from virtwarden.pki.keys import PrivateKey
from virtwarden.pki.roles import Purpose
from virtwarden.pki.secretfiles import SECRET, Content, Existing

REQUEST = "request.pem"


@dataclass(frozen=True, slots=True)
class Credential:
    """A purpose, and what there is for it: a certificate, a key, a request, or some of them."""

    purpose: Purpose
    certificate: bytes | None = None
    key: PrivateKey | None = field(default=None, repr=False)
    request: bytes | None = None

    def files(self) -> dict[str, Content]:
        """Contents by file name."""
        found: dict[str, Content] = {}
        if self.key is not None:
            pem = keys.plain(self.key)
            found |= {f"{part}.pem": Content(pem, SECRET) for part in self.purpose.keys}
        if self.certificate is not None:
            found |= {f"{part}.pem": Content(self.certificate) for part in self.purpose.certificates}
        if self.request is not None:
            found[REQUEST] = Content(self.request)
        return found


def anchors(authority: Authority) -> dict[str, Content]:
    """The authority's certificate and its list; an older list gives way."""
    return {
        "cacert.pem": Content(authority.anchor),
        "cacrl.pem": Content(authority.revocations(), existing="replace"),
    }


def folder_of(purpose: Purpose, *, flat: bool) -> str:
    """Below the folder that is handed out: nothing, or the use."""
    return "" if flat else f"{purpose.use}/"


def tree(credentials: Iterable[tuple[str, Credential]], authority: Authority | None = None) -> dict[str, Content]:
    """All files of these credentials, each below its own folder (which ends in a slash, or is empty), with the
    authority's own if there is one."""
    common = {} if authority is None else anchors(authority)
    return {
        f"{folder}{name}": content
        for folder, credential in credentials
        for name, content in {**common, **credential.files()}.items()
    }


def require_room(
    out: Path, wanted: Iterable[tuple[str, Iterable[str]]], authority: Authority, existing: Existing
) -> None:
    """Raises `Complaint` where these parts, by folder, and the authority's own files cannot be written: before anything
    is signed."""
    secretfiles.require_no_authority(out)
    paths = [(folder, f"{folder}{part}.pem") for folder, parts in wanted for part in parts]
    if existing == "refuse":
        secretfiles.require_absent(out, [path for _, path in paths])
    common = anchors(authority)
    files = {f"{folder}{name}": content for folder, _ in paths for name, content in common.items()}
    secretfiles.require_room(out, files | {path: Content(b"") for _, path in paths}, existing)


def require_key(folder: Path, purpose: Purpose, public: object) -> None:
    """Raises `Complaint` where a key lies in the folder that is not the one of this public half."""
    for part in purpose.keys:
        path = folder / f"{part}.pem"
        try:
            lying = load_pem_private_key(secretfiles.read(path), None).public_key()
        except FileNotFoundError:
            continue
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise Complaint(f"{path} is not a private key that can be read") from None
        if keys.fingerprint(lying) != keys.fingerprint(public):
            raise Complaint(f"{path} is not the key that the request was made with")
