"""An authority in a folder: its certificate, its key under a passphrase, and a register of what it issued.

FOLDER/cacert.pem             its certificate
FOLDER/cakey.pem              its key, under a passphrase
FOLDER/cacrl.pem              the latest list of what was taken back
FOLDER/issued.json            the register
FOLDER/certificates/*.pem     every certificate that it issued, by serial
FOLDER/lock                   held by the command that changes any of it

A certificate is in the register before anybody has it, so that a crash leaves none that cannot be taken back. A list
has its number in the register before it is written, so that no number is used twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from virtwarden.complaint import Complaint
from virtwarden.pki import certifying, keys, names, register, secretfiles
from virtwarden.pki.certifying import Taken, Term, term, term_of
from virtwarden.pki.keys import Kind, PrivateKey
from virtwarden.pki.orders import Issued, Order, entry_of, require_new_key
from virtwarden.pki.register import Entry, Register
from virtwarden.pki.secretfiles import SECRET, Content

CERTIFICATE, KEY, LIST, CERTIFICATES = "cacert.pem", "cakey.pem", "cacrl.pem", "certificates"
REASONS = {
    "unspecified": x509.ReasonFlags.unspecified,
    "key-compromise": x509.ReasonFlags.key_compromise,
    "affiliation-changed": x509.ReasonFlags.affiliation_changed,
    "superseded": x509.ReasonFlags.superseded,
    "cessation": x509.ReasonFlags.cessation_of_operation,
    "privilege-withdrawn": x509.ReasonFlags.privilege_withdrawn,
}


@dataclass(frozen=True, slots=True)
class Authority:
    """An authority as far as it can be known without its passphrase."""

    folder: Path
    certificate: x509.Certificate

    @property
    def anchor(self) -> bytes:
        """Its certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def organisation(self) -> str:
        """The organisation that its subjects are in where none is named."""
        return names.organisation(self.certificate.subject) or names.common_name(self.certificate.subject)

    @property
    def valid(self) -> Term:
        """When its certificate is valid."""
        return term_of(self.certificate)

    def register(self) -> Register:
        """What it issued. Raises `Complaint`."""
        return register.load(self.folder)

    def revocations(self) -> bytes:
        """Its latest list of what was taken back, in PEM. Raises `Complaint`."""
        try:
            return secretfiles.read(self.folder / LIST)
        except FileNotFoundError:
            raise Complaint(f"there is no {self.folder / LIST}; virt-warden pki crl makes it") from None

    def list_is_stale(self, known: Register) -> bool:
        """Whether the latest list is not the one that the register speaks of, after a crash."""
        try:
            found = x509.load_pem_x509_crl(secretfiles.read(self.folder / LIST))
            number = found.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        except (FileNotFoundError, ValueError, x509.ExtensionNotFound):
            return True
        return number != known.list_number

    def issued(self, entry: Entry) -> x509.Certificate:
        """The certificate of an entry. Raises `Complaint`."""
        path = self.folder / CERTIFICATES / f"{entry.serial}.pem"
        try:
            return _certificate(secretfiles.read(path), path)
        except FileNotFoundError:
            raise Complaint(f"there is no {path}; restore it from a copy") from None

    def signer(self, passphrase: bytes) -> Signer:
        """What can sign. Raises `WrongPassphrase` and `Complaint`."""
        path = self.folder / KEY
        try:
            key = keys.opened(secretfiles.read(path), passphrase, str(path))
        except FileNotFoundError:
            raise Complaint(f"there is no {path}; without the authority's key nothing can be signed") from None
        if not certifying.made_by(self.certificate, key):
            raise Complaint(f"{path} is not the key of {self.folder / CERTIFICATE}")
        return Signer(self, key)


@dataclass(frozen=True, slots=True)
class Signer:
    """An authority with its key open. Each method has the authority to itself while it works."""

    authority: Authority
    key: PrivateKey = field(repr=False)

    def issue(self, orders: Sequence[Order]) -> tuple[Issued, ...]:
        """Certificates for all orders or none. Raises `Complaint`."""
        folder = self.authority.folder
        with register.locked(folder):
            known = self.authority.register()
            for order in orders:
                require_new_key(order, known)
            issued = tuple(self._certified(order, known) for order in orders)
            files = {f"{each.entry.serial}.pem": Content(each.pem) for each in issued}
            try:
                secretfiles.replace(folder / CERTIFICATES, files)
                register.store(folder, known.with_entries(*(each.entry for each in issued)))
                self._mend_list(known)
            except OSError as refused:
                raise Complaint(
                    f"{folder} cannot be written: {refused.strerror}; no certificate was handed out"
                ) from None
        return issued

    def revoke(self, serials: Iterable[str], reason: str) -> tuple[Entry, ...]:
        """Take certificates back, and have a new list say so; the entries that were not taken back before. Raises
        `Complaint`."""
        wanted, now = set(serials), certifying.now()
        with register.locked(self.authority.folder):
            known = self.authority.register()
            taken = {
                entry.serial: msgspec.structs.replace(entry, revoked=now, reason=reason)
                for entry in known.entries
                if entry.serial in wanted and entry.revoked is None
            }
            entries = tuple(taken.get(entry.serial, entry) for entry in known.entries)
            self._write_list(msgspec.structs.replace(known, entries=entries), certifying.LIST_DAYS)
        return tuple(taken.values())

    def new_list(self, days: int) -> Term:
        """Make the list of what was taken back anew, to be valid for so many days. Raises `Complaint`."""
        with register.locked(self.authority.folder):
            return self._write_list(self.authority.register(), days)

    def _write_list(self, known: Register, days: int) -> Term:
        folder = self.authority.folder
        valid = term(days, certifying.now(), self.authority.valid)
        numbered = msgspec.structs.replace(known, list_number=known.list_number + 1)
        try:
            register.store(folder, numbered)
            secretfiles.replace(folder, {LIST: self._list(numbered, valid)})
        except OSError as refused:
            raise Complaint(f"{folder} cannot be written: {refused.strerror}; run virt-warden pki crl") from None
        return valid

    def _mend_list(self, known: Register) -> None:
        if self.authority.list_is_stale(known):
            valid = term(certifying.LIST_DAYS, certifying.now(), self.authority.valid)
            secretfiles.replace(self.authority.folder, {LIST: self._list(known, valid)})

    def _list(self, known: Register, valid: Term) -> Content:
        return _list(known, valid, self.authority.certificate, self.key)

    def _certified(self, order: Order, known: Register) -> Issued:
        serial = x509.random_serial_number()
        while known.found(f"{serial:x}") is not None:
            serial = x509.random_serial_number()
        valid = term(order.wish.days, certifying.now(), self.authority.valid)
        made = certifying.certified(order.wish, serial, valid, self.authority.certificate, self.key)
        return Issued(entry_of(made, order), made)


def create(folder: Path, name: x509.Name, kind: Kind, days: int, passphrase: bytes) -> Authority:
    """A new authority in a folder that is not there yet, or is empty. Raises `Complaint`."""
    require_empty(folder)
    valid = term(days, certifying.now())
    key = keys.new_key(kind)
    made = certifying.authority_certificate(name, key, valid)
    known = Register(list_number=1)
    listed = term(min(certifying.LIST_DAYS, days), certifying.now(), valid)
    tree = {
        CERTIFICATE: Content(made.public_bytes(Encoding.PEM)),
        KEY: Content(keys.sealed(key, keys.require_passphrase(passphrase)), SECRET),
        LIST: _list(known, listed, made, key),
        register.FILE: register.content(known),
        "lock": Content(b"", SECRET),
        f"{CERTIFICATES}/README": Content(b"Every certificate that this authority issued, by its serial.\n"),
    }
    secretfiles.place(folder, tree)
    folder.chmod(0o700)  # where an empty folder was given
    return Authority(folder, made)


def load(folder: Path) -> Authority:
    """The authority in a folder. Raises `Complaint`."""
    path = folder / CERTIFICATE
    try:
        found = _certificate(secretfiles.read(path), path)
        mode = folder.stat().st_mode
    except FileNotFoundError:
        raise Complaint(f"there is no authority in {folder}; virt-warden pki init makes one") from None
    if mode & 0o022:
        raise Complaint(f"others can write to {folder}; chmod 700 {folder}, and look at what is in it")
    try:
        constraints = found.extensions.get_extension_for_class(x509.BasicConstraints).value
        found.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    except (x509.ExtensionNotFound, ValueError):
        constraints = None
    if constraints is None or not constraints.ca:
        raise Complaint(f"{path} is not the certificate of an authority that virt-warden made")
    return Authority(folder, found)


def require_empty(folder: Path) -> None:
    """Raises `Complaint` where there is something that an authority must not be mixed with."""
    try:
        if folder.is_symlink() or (folder.exists() and any(folder.iterdir())):
            raise Complaint(f"{folder} is there already; an authority is made in a new folder")
    except OSError as refused:
        raise Complaint(f"{folder} cannot be used: {refused.strerror}") from None


def _list(known: Register, valid: Term, certificate: x509.Certificate, key: PrivateKey) -> Content:
    taken = tuple(_taken(entry, entry.revoked) for entry in known.entries if _is_listed(entry))
    made = certifying.revocation_list(taken, known.list_number, valid, certificate, key)
    return Content(made.public_bytes(Encoding.PEM))


def _is_listed(entry: Entry) -> bool:
    return entry.revoked is not None and certifying.now() < entry.end + certifying.KEPT_AFTER_END


def _taken(entry: Entry, at: datetime | None) -> Taken:
    reason = REASONS.get(entry.reason or "", x509.ReasonFlags.unspecified)
    return Taken(int(entry.serial, 16), at or entry.start, reason)


def _certificate(pem: bytes, path: Path) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise Complaint(f"{path} is not a certificate that can be read; restore it from a copy") from None
