"""No encrypted volume is opened by a key that lies in the clear beside it.

A key file in crypttab opens its volume at each boot without a question. Where the file itself is not on an
encrypted volume, whoever carries the host's disks away carries the key along, and encryption protects nobody.
And a guest's volume that is opened at boot is open whether its guest runs or not.

Judged: each row of /etc/crypttab, and the keys that systemd finds in /etc/cryptsetup-keys.d: the key is a
passphrase, a token, random, or a file on an encrypted volume or on a medium of its own; a volume that is a
guest's disk has `noauto`.

Fix: bind the volume to the machine with `systemd-cryptenroll --tpm2-device=auto`, or to the network with
Clevis, and destroy the key file; `noauto` for guests' volumes, which are then opened by hand or by libvirt's
hook.

Proof: the host's disks in another machine: no volume opens without a passphrase.
"""

from __future__ import annotations

from collections.abc import Iterator

from virtwarden.control import Control, Findings
from virtwarden.facts.atrest import encrypted_beneath
from virtwarden.facts.crypttab import PATH, Crypttab
from virtwarden.facts.images import Images
from virtwarden.formats.columns import Crypt
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Document, Finding, Severity, State, Subject

RANDOM = ("/dev/urandom", "/dev/random", "/dev/hwrng", "/dev/hw_random")
TOKENS = ("tpm2-device=", "fido2-device=", "pkcs11-uri=", "keyscript=")
VOLATILE = ("/run/", "/dev/")


def check(host: Host) -> Findings:
    table = host.get(Crypttab)
    guests = disks_by_mapping(host)
    for row in table.rows.values():
        yield of_key(host, table, row)
        yield from of_guest(table, row, guests)
    if not table.rows:
        yield notapplicable(Subject("host"), f"{PATH} opens no volume")


def disks_by_mapping(host: Host) -> dict[str, str] | Unknown:
    """The guest that each mapping is a disk of, by the mapping's name."""
    try:
        images = host.get(Images)
        images.guests.complete()
    except Absent:
        return {}
    except Unknown as refused:
        return refused
    found: dict[str, str] = {}
    for disk in images.disks:
        path = disk.path or ""
        if path.startswith("/dev/"):
            found[_mapping(images, path)] = disk.guest.name
    return found


def _mapping(images: Images, path: str) -> str:
    try:
        device = images.device(path)
    except Unknown:
        device = None
    return device.name if device is not None else path.rpartition("/")[2].removeprefix("dm-name-")


def of_key(host: Host, table: Crypttab, row: Crypt) -> Finding:
    """Where the key of a volume is."""
    subject = Subject("volume", row.name)
    cited = table.cite(row)
    try:
        key = table.key_of(row)
        safe = _safe(key, row)
        if safe:
            return passed(subject, safe, cited, state=State.ON_DISK)
        assert key is not None
        found = encrypted_beneath(host, key)
    except (Absent, Unknown) as refused:
        return unknown(subject, str(refused), cited, *refused.evidence, state=State.ON_DISK)
    if found is not None:
        message = f"its key {key} lies on the encrypted volume {found[0]}"
        return passed(subject, message, cited, found[1], state=State.ON_DISK)
    steps = (
        f"systemd-cryptenroll --tpm2-device=auto {row.device} or clevis luks bind -d {row.device} …; put none "
        f"for the key of {row.name} in {PATH}; cryptsetup luksRemoveKey {row.device} {key}; shred -u {key}"
    )
    change = by_hand(Document("file", PATH), steps)
    return failed(subject, f"its key {key} lies in the clear", change, evidence=[cited], state=State.ON_DISK)


def _safe(key: str | None, row: Crypt) -> str:
    """Why a key is no file in the clear, in words; empty where it may be."""
    token = next((option.partition("=")[0] for option in row.options if option.startswith(TOKENS)), None)
    if key in RANDOM:
        return "its key is random"
    if token is not None:
        return f"its key comes from {token}"
    if key is None:
        return "it asks for a passphrase"
    if not key.startswith("/"):
        return f"its key {key} is no file"
    if key.startswith(VOLATILE) or ":" in key:
        return f"its key {key} is not on the host's disks"
    return ""


def of_guest(table: Crypttab, row: Crypt, guests: dict[str, str] | Unknown) -> Iterator[Finding]:
    """Whether a guest's volume waits for its guest."""
    cited = table.cite(row)
    subject = Subject("volume", row.name)
    if isinstance(guests, Unknown):
        yield unknown(subject, f"whether it is a guest's disk: {guests}", cited, state=State.ON_DISK)
        return
    guest = guests.get(row.name)
    if guest is None:
        return
    if "noauto" in row.options:
        yield passed(subject, f"is opened only when {guest} needs it", cited, state=State.ON_DISK)
        return
    change = by_hand(Document("file", PATH), f"add noauto to the options of {row.name}")
    message = f"is a disk of {guest} and opened at boot"
    yield failed(subject, message, change, evidence=[cited], state=State.ON_DISK)


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.MEDIUM,
    sections=("encrypted-volume-open", "close-encrypted-images"),
    check=check,
)
