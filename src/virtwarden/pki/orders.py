"""What an authority is asked for, what it gave, and what its register says of it."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from virtwarden.complaint import Complaint
from virtwarden.formats.dername import spelled
from virtwarden.pki import keys, names
from virtwarden.pki.certifying import Wish, term_of
from virtwarden.pki.register import Entry, Origin, Register
from virtwarden.pki.roles import Purpose


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that is to be issued: the wish, and what the register is to say of it."""

    wish: Wish
    purpose: Purpose
    key_made: Origin = "here"
    follows: str | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate that was issued, and its entry."""

    entry: Entry
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """The certificate in PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


def serial_of(certificate: x509.Certificate) -> str:
    """A serial as the register has it."""
    return f"{certificate.serial_number:x}"


def require_new_key(order: Order, known: Register) -> None:
    """Raises `Complaint` where a key has another use or owner already: QEMU must not hold what opens libvirt."""
    key_id = keys.fingerprint(order.wish.public)
    owner = (order.purpose, names.common_name(order.wish.subject))
    for entry in known.entries:
        if entry.key_id == key_id and (entry.purpose, entry.name) != owner:
            raise Complaint(
                f"this key is that of {entry.name} as {entry.purpose.mark} already (serial {entry.serial}); "
                "make another one for this use"
            )


def entry_of(made: x509.Certificate, order: Order) -> Entry:
    """What the register says of a certificate."""
    valid = term_of(made)
    return Entry(
        serial=serial_of(made),
        name=names.common_name(made.subject),
        use=order.purpose.use,
        role=order.purpose.role,
        subject=spelled(made.subject.public_bytes()),
        names=() if order.wish.names is None else names.names_in(order.wish.names),
        start=valid.start,
        end=valid.end,
        key=keys.kind_of(made.public_key()),
        key_id=keys.fingerprint(made.public_key()),
        key_made=order.key_made,
        follows=order.follows,
    )
