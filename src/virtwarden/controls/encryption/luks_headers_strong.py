"""Encrypted volumes have LUKS headers that withstand an offline attack.

Whoever gets hold of an encrypted disk has all the time there is to try passphrases. The header decides what one
attempt costs and whether the cipher gives the data away by itself. The header that the blueprint prints as a
success is weak in every line: AES-CBC, a key of 128 bits, SHA-1, and ten iterations for the volume key. LUKS2
with Argon2id makes each attempt cost memory, of which the attacker's hardware has little.

Judged: the header of every LUKS volume on the host's block devices, and in the images of guests. The cipher is
AES, Serpent, Twofish or Camellia in XTS mode with a key of 512 bits, or a wide or authenticated one; no hash is
SHA-1. Block devices have LUKS2 with key slots by Argon2 with at least the policy's memory and four passes; a
slot that a token opens is left out, as its key is random, and a host in FIPS mode may use PBKDF2. QEMU knows
LUKS1 only: its images, and all PBKDF2 slots that are accepted, need 100000 iterations, and the volume key's
digest 1000. No reencryption may be left unfinished.

Fix: back the header up, convert it to LUKS2, convert the key slots; a cipher is changed by reencryption. An image
that QEMU encrypts is converted to a new one. A person does this, because a mistake costs all data.

Proof: `cryptsetup luksDump` on the volume shows the same values, and a wrong passphrase is refused as slowly as
the right one is accepted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.control import Control, Findings
from virtwarden.facts.block import BlockDevices
from virtwarden.facts.contents import Content, Image
from virtwarden.facts.images import Images
from virtwarden.facts.kernel import Sysctls
from virtwarden.facts.policy import Policy
from virtwarden.formats.luks import Keyslot, Luks
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import by_hand, failed, notapplicable, passed, unknown
from virtwarden.model import Change, Document, Finding, Severity, State, Subject

CIPHERS = ("aes", "serpent", "twofish", "camellia")
WIDE = ("adiantum", "aegis", "gcm", "chacha20", "hctr2")
WEAK_HASHES = ("sha1", "md5", "ripemd160")
LEAST_ITERATIONS, LEAST_DIGEST, LEAST_PASSES = 100_000, 1000, 4


@dataclass(frozen=True, slots=True)
class Demands:
    """What a key slot has to cost at least; `versions` and `kdfs` are those that will do."""

    versions: tuple[int, ...]
    kdfs: tuple[str, ...]
    memory_kib: int
    by_qemu: bool = False


def check(host: Host) -> Findings:
    images = host.get(Images)
    memory = host.get(Policy).encryption.pbkdf_memory_kib
    device = Demands((2,), ("argon2id", "argon2i", *(("pbkdf2",) if is_fips(host) else ())), memory)
    qemu = Demands((1, 2), ("pbkdf2", "argon2id", "argon2i"), memory, by_qemu=True)
    found = 0
    for subject, image, node in devices(images):
        for finding in judged(subject, image, device, node):
            found += 1
            yield finding
    for subject, image in files(images):
        for finding in judged(subject, image, qemu, image.path):
            found += 1
            yield finding
    refused = [*not_read(images)]
    yield from refused
    if not found and not refused:
        yield notapplicable(Subject("host"), "there is no LUKS volume on it")
    images.guests.complete()


def devices(images: Images) -> Iterator[tuple[Subject, Image, str]]:
    """The block devices that may hold a volume, each with a path that it has after a reboot too."""
    if not isinstance(images.devices, BlockDevices):
        return
    for kernel, image in images.volumes.items():
        found = images.devices.devices[kernel]
        yield Subject("volume", str(found)), image, found.lasting_path


def files(images: Images) -> Iterator[tuple[Subject, Image]]:
    """The images that QEMU encrypts, once for each guest that has them."""
    seen: set[tuple[str, str]] = set()
    for disk in images.disks:
        paths = [] if disk.path is None else [disk.path]
        paths += [link.path for link in images.chain(disk) if link.path is not None]
        for path in paths:
            image = images.images.get(path)
            if image is None or path.startswith("/dev/") or (disk.guest.name, path) in seen:
                continue
            seen.add((disk.guest.name, path))
            if disk.disk.encryption is not None or not is_guests_own(image, disk.format):
                yield Subject("guest", f"{disk.guest.name} {path}"), image


def is_guests_own(image: Image, declared: str) -> bool:
    """Whether a LUKS header is what the guest wrote to its own raw disk."""
    content = image.content
    return declared == "raw" and isinstance(content, Content) and content.qcow2 is None


def judged(subject: Subject, image: Image, demands: Demands, node: str) -> Iterator[Finding]:
    """The finding for one volume; none where there is no header."""
    content = image.content
    if not isinstance(content, Content):
        return
    encrypted = content.format == "luks" or (content.qcow2 is not None and content.qcow2.encryption == "luks")
    if content.luks is not None:
        steps = by_qemu(image, content) if demands.by_qemu else by_cryptsetup(node, content.luks)
        change = by_hand(Document("file", node), steps)
        yield verdict(subject, image, content.luks, [*weaknesses(content.luks, demands)], change)
    elif encrypted:
        trouble = content.trouble or "there is no LUKS header where one should be"
        yield unknown(subject, f"its header: {trouble}", image.cite(trouble), state=State.ON_DISK)


def verdict(subject: Subject, image: Image, header: Luks, wrong: list[str], change: Change) -> Finding:
    """The finding for a header in which these things are wrong."""
    kdfs = ", ".join(sorted({slot.kdf for slot in header.keyslots})) or "no key slot"
    bits = f" {header.key_bits}" if header.key_bits else ""
    cipher = f"{header.cipher}-{header.mode}" if header.cipher else "the drive's own cipher"
    told = f"LUKS{header.version} {cipher}{bits}, {kdfs}"
    cited = image.cite(told)
    if not wrong:
        return passed(subject, told, cited, state=State.ON_DISK)
    return failed(subject, f"{told}: {'; '.join(wrong)}", change, evidence=[cited], state=State.ON_DISK)


def by_cryptsetup(node: str, header: Luks) -> str:
    """How a volume of the kernel's is mended; each step changes the data or its only header."""
    steps = [f"cryptsetup luksHeaderBackup {node} --header-backup-file FILE, to another machine; close the volume"]
    if header.version == 1:
        steps.append(f"cryptsetup convert --type luks2 {node}")
    steps.append(f"cryptsetup luksConvertKey --pbkdf argon2id {node}")
    if any(_cipher(header)):
        steps.append(f"cryptsetup reencrypt --cipher aes-xts-plain64 --key-size 512 {node}")
    return "; ".join(steps)


def by_qemu(image: Image, content: Content) -> str:
    """How an image is mended that QEMU encrypts: cryptsetup cannot convert it."""
    part = "encrypt." if content.qcow2 is not None else ""
    output = "-O qcow2 -o encrypt.format=luks" if part else "-O luks -o"
    options = f"{part}cipher-mode=xts,{part}hash-alg=sha256,{part}iter-time=2000,{part}key-secret=SECRET"
    joined = f"{output},{options}" if part else f"{output} {options}"
    return f"guest off, qemu-img convert {joined} from {image.path} to a new image; put that in its place"


def weaknesses(header: Luks, demands: Demands) -> Iterator[str]:
    """What an attacker would be glad of."""
    if header.version not in demands.versions:
        yield f"LUKS{header.version} has no key derivation that costs memory"
    yield from _cipher(header)
    if header.hash in WEAK_HASHES:
        yield f"its hash is {header.hash}"
    if header.mk_iterations is not None and header.mk_iterations < LEAST_DIGEST:
        yield f"the volume key's digest has {header.mk_iterations} iterations"
    if header.is_reencrypting:
        yield "a reencryption has not ended"
    if any(segment.kind == "linear" for segment in header.segments):
        yield "a part of it is not encrypted"
    by_token = {slot for token in header.tokens for slot in token.keyslots}
    for slot in header.keyslots:
        if not slot.unbound and slot.number not in by_token:
            yield from _slot(slot, header.version, demands)


def _cipher(header: Luks) -> Iterator[str]:
    if not header.cipher:
        return
    name = f"{header.cipher}-{header.mode}"
    if any(word in name for word in WIDE):
        return
    if header.cipher not in CIPHERS or not header.mode.startswith("xts-"):
        yield f"its cipher is {name}"
    if header.key_bits is not None and header.key_bits < 512:
        yield f"its key has {header.key_bits} bits{', AES-128' if header.key_bits == 256 else ''}"


def _slot(slot: Keyslot, version: int, demands: Demands) -> Iterator[str]:
    where = f"key slot {slot.number}"
    if slot.hash in WEAK_HASHES and version == 2:
        yield f"{where} uses {slot.hash}"
    if version == 2 and slot.kdf not in demands.kdfs:
        yield f"{where} uses {slot.kdf}"
    elif slot.kdf == "pbkdf2":
        if (slot.iterations or 0) < LEAST_ITERATIONS:
            yield f"{where} has {slot.iterations} iterations"
    elif (slot.memory_kib or 0) < demands.memory_kib:
        yield f"{where} costs {slot.memory_kib} KiB of memory, less than {demands.memory_kib}"
    elif (slot.time or 0) < LEAST_PASSES:
        yield f"{where} makes {slot.time} passes"


def not_read(images: Images) -> Iterator[Finding]:
    """What may hold volumes and could not be looked at."""
    if not isinstance(images.devices, BlockDevices):
        yield unknown(Subject("volumes"), f"the host's volumes: {images.devices}", *images.devices.evidence)
    refused = [image for image in images.volumes.values() if isinstance(image.content, Unknown)]
    if refused:
        more = f" and {len(refused) - 1} more devices" if len(refused) > 1 else ""
        message = f"whether it holds a volume: {refused[0].content}{more}"
        yield unknown(Subject("volume", refused[0].path), message, *(image.cite("not read") for image in refused))
    for disk in images.disks:
        image = images.images.get(disk.path or "")
        if disk.disk.encryption and image is not None and isinstance(image.content, Unknown):
            yield unknown(disk.subject, f"its header: {image.content}", disk.evidence, state=State.ON_DISK)


def is_fips(host: Host) -> bool:
    """Whether the kernel is in FIPS mode, as far as can be told."""
    try:
        return host.get(Sysctls).effective("crypto.fips_enabled").value == "1"
    except (Absent, Unknown):
        return False


CONTROL = Control(
    module=__name__,
    doc=__doc__,
    severity=Severity.HIGH,
    sections=("encrypted-volume", "encrypted-volume-verify"),
    check=check,
)
