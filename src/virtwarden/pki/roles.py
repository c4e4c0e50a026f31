"""What a certificate is for: its role in the handshake, and the program that shows it.

Both stand in the subject, as `OU=libvirt client`, because a list of subjects is all that libvirt can be told of its
clients; the role stands in the extended key usage besides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from virtwarden.complaint import Complaint
from virtwarden.pki.places import PARTS, USES, Part, Use

Role = Literal["server", "client", "peer"]

ROLES: tuple[Role, ...] = get_args(Role)
ALL_USES: tuple[Use, ...] = ("libvirt", "vnc", "spice", "migrate", "chardev", "nbd", "backup")
"""What a host of today shows certificates for; the others have to be named."""

_ON_A_HOST: dict[Use, Role] = {
    "libvirt": "server",
    "qemu": "peer",
    "vnc": "server",
    "spice": "server",
    "rdp": "server",
    "migrate": "peer",  # each host is the server once and the client the other time
    "chardev": "peer",
    "nbd": "client",
    "backup": "server",
}
_MARK = re.compile(rf"({'|'.join(USES)}) ({'|'.join(ROLES)})\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Purpose:
    """One use in one role."""

    use: Use
    role: Role

    @property
    def mark(self) -> str:
        """What the subject says of it."""
        return f"{self.use} {self.role}"

    @property
    def certificates(self) -> tuple[Part, ...]:
        """The files that hold the certificate: two for a peer, which shows one certificate either way."""
        return tuple(part for part in PARTS if part.endswith("cert") and part[:-4] in self._sides)

    @property
    def keys(self) -> tuple[Part, ...]:
        """The files that hold its key."""
        return tuple(part for part in PARTS if part.endswith("key") and part[:-3] in self._sides)

    @property
    def files(self) -> tuple[Part, ...]:
        """Both."""
        return (*self.certificates, *self.keys)

    @property
    def _sides(self) -> tuple[str, ...]:
        return ("server", "client") if self.role == "peer" else (self.role,)


def is_mark(text: str) -> bool:
    """Whether a text would be taken for what the authority itself says of a certificate."""
    return _MARK.match(text.strip()) is not None


def purposes(role: Role, named: str | None) -> tuple[Purpose, ...]:
    """The purposes that a list of uses asks for; without one, libvirt's. A server's uses each get the role that they
    have on a host. Raises `Complaint`."""
    if named is None:
        return (Purpose("libvirt", role),)
    words = [word.strip() for word in named.split(",") if word.strip()]
    if not words:
        raise Complaint("no use is named; --uses takes " + ", ".join((*USES, "all")))
    uses = dict.fromkeys(use for word in words for use in (ALL_USES if word == "all" else (use_of(word),)))
    return tuple(Purpose(use, _ON_A_HOST[use] if role == "server" else role) for use in uses)


def use_of(word: str) -> Use:
    """A use by its name. Raises `Complaint`."""
    for use in USES:
        if use == word:
            return use
    raise Complaint(f"there is no use {word!r}; --uses takes {', '.join((*USES, 'all'))}")
