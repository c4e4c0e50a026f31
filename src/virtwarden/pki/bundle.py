"""What a client needs to reach hosts and consoles, laid out as its programs read it: the tree of `~/.pki`.

virsh and all else on libvirt read `libvirt/`, one flat folder. Viewers read the certificates that they show to a
console from `libvirt-vnc/`, and the authority from `CA/`; source: gtk-vnc's vncconnection.
"""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

from virtwarden.complaint import Complaint
from virtwarden.pki import keys, secretfiles
from virtwarden.pki.secretfiles import SECRET, Content

Program = Literal["virsh", "virt-viewer", "virt-manager"]
PROGRAMS: tuple[Program, ...] = get_args(Program)
README = "README-virt-warden.txt"


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """A client's certificate, key and authority, as they were issued; `revocations` may be missing."""

    anchor: bytes
    certificate: bytes
    key: bytes = field(repr=False)
    revocations: bytes | None = None


def read(folder: Path) -> tuple[ClientFiles, ClientFiles]:
    """What a client shows to libvirt, and what it shows to consoles: of its own if it was issued so. Raises
    `Complaint`."""
    found = {
        use: _files(place)
        for use, place in (("flat", folder), ("libvirt", folder / "libvirt"), ("vnc", folder / "vnc"))
        if secretfiles.is_there(place / "clientcert.pem")
    }
    libvirt = found.get("libvirt") or found.get("flat")
    vnc = found.get("vnc") or libvirt
    if vnc is None:
        raise Complaint(f"there is no clientcert.pem in {folder}; virt-warden pki issue client makes one")
    return libvirt or vnc, vnc


def bundle(libvirt: ClientFiles, vnc: ClientFiles, program: Program) -> dict[str, Content]:
    """The files below `~/.pki`."""
    found = _anchors("libvirt", libvirt)
    found |= {
        "libvirt/clientcert.pem": Content(libvirt.certificate),
        "libvirt/clientkey.pem": Content(libvirt.key, SECRET),
    }
    if program != "virsh":
        found |= _anchors("CA", vnc)
        found |= {
            "libvirt-vnc/clientcert.pem": Content(vnc.certificate),
            "libvirt-vnc/private/clientkey.pem": Content(vnc.key, SECRET),
        }
    return found | {README: Content(_readme(program).encode())}


def archive(files: secretfiles.Tree) -> Content:
    """The same as an archive to be unpacked in a home folder."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for folder in sorted({"", *(parent for path in files for parent in _parents(path))}):
            entry = tarfile.TarInfo(f".pki/{folder}".rstrip("/"))
            entry.type, entry.mode, entry.mtime = tarfile.DIRTYPE, 0o700, int(time.time())
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(f".pki/{path}")
            entry.size, entry.mode, entry.mtime = len(content.data), content.mode, int(time.time())
            tar.addfile(entry, io.BytesIO(content.data))
    return Content(made.getvalue(), SECRET)


def _parents(path: str) -> list[str]:
    steps = path.split("/")[:-1]
    return ["/".join(steps[: count + 1]) for count in range(len(steps))]


def _anchors(folder: str, files: ClientFiles) -> dict[str, Content]:
    found = {f"{folder}/cacert.pem": Content(files.anchor)}
    if files.revocations is not None:
        found[f"{folder}/cacrl.pem"] = Content(files.revocations, existing="replace")
    return found


def _files(folder: Path) -> ClientFiles:
    held = ClientFiles(
        _must(folder / "cacert.pem"),
        _must(folder / "clientcert.pem"),
        _must(folder / "clientkey.pem"),
        _may(folder / "cacrl.pem"),
    )
    _require_client(held, folder)
    return held


def _must(path: Path) -> bytes:
    try:
        return secretfiles.read(path)
    except FileNotFoundError:
        raise Complaint(f"there is no {path}; a bundle needs the certificate, its key and the authority") from None


def _may(path: Path) -> bytes | None:
    try:
        return secretfiles.read(path)
    except FileNotFoundError:
        return None


def _require_client(files: ClientFiles, folder: Path) -> None:
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate)
        anchor = x509.load_pem_x509_certificate(files.anchor)
        key = load_pem_private_key(files.key, None)
        purposes = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
        raise Complaint(f"{folder} does not hold a client's certificate and key that can be read") from None
    if ExtendedKeyUsageOID.CLIENT_AUTH not in purposes:
        raise Complaint(f"{folder / 'clientcert.pem'} is not for a client")
    if keys.fingerprint(key.public_key()) != keys.fingerprint(certificate.public_key()):
        raise Complaint(f"{folder / 'clientkey.pem'} is not the key of clientcert.pem beside it")
    try:
        certificate.verify_directly_issued_by(anchor)
    except (ValueError, TypeError, InvalidSignature):
        raise Complaint(f"{folder / 'clientcert.pem'} was not issued by the authority beside it") from None


def _readme(program: Program) -> str:
    viewers = """\
  CA/, libvirt-vnc/   read by virt-viewer, virt-manager and others when a VNC console asks for a certificate
For SPICE consoles with TLS copy libvirt/cacert.pem to ~/.spicec/spice_truststore.pem.
"""
    return f"""\
These files let {program} reach KVM hosts over TLS. They belong into the folder .pki of your home folder:

  libvirt/            read by virsh and all other programs on libvirt: virsh -c qemu+tls://HOST/system
{"" if program == "virsh" else viewers}
Folders are to have mode 0700, keys 0600 and you as their owner: chmod -R go= ~/.pki
The root user's programs read /etc/pki instead. Instead of ~/.pki/libvirt any folder may be named:
virsh -c 'qemu+tls://HOST/system?pkipath=FOLDER'

Whoever has clientkey.pem is let in in your name. If it may have been seen by others, say so to whoever runs the
authority at once, so that the certificate is taken back.
"""
