"""What a bundle says of itself: by what it was made, from which files, what was asked, and each member's digest."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from virtwarden.events.evidence.answer import Criteria, sayable
from virtwarden.events.evidence.container import (
    EVENTS,
    MANIFEST,
    ORIGINS,
    README,
    RECORDS,
    SESSIONS,
    SIGNATURE,
    BadBundle,
)
from virtwarden.events.model import Skipped

FORMAT = 1
MOST_SOURCES = 10_000
COVERED = (README, RECORDS, ORIGINS, SESSIONS, EVENTS)
"""The members whose digests the manifest names."""


class From(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that records were taken from: its size, SHA-256 and so on as it was read, to the last byte. `host` names
    the machine where its records do not; `mtime` is in nanoseconds."""

    path: str
    host: str
    bytes: int
    mtime: int
    inode: int
    sha256: str


class Run(msgspec.Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """Lines that follow each other in a source: which (by its place in the manifest), the offset of the first one in
    its text, after decompression, and how many bytes and lines."""

    source: int
    offset: int
    bytes: int
    lines: int


class Member(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member's size and SHA-256."""

    bytes: int
    sha256: str


class Basis(StrEnum):
    """Which records are in a bundle: those that the answer rests on, all of its guests', those of all guests of its
    hosts, or every line of the logs. More than the first are taken only where the answer does not follow otherwise."""

    ANSWER = "answer"
    GUESTS = "guests"
    HOSTS = "hosts"
    LOGS = "logs"


class Signer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which key signs the manifest; `key` is the SHA-256 of the public one in DER."""

    algorithm: str
    key: str


class Left(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What could not be used of the sources, as `Skipped` counts it."""

    malformed: int
    too_long: int
    torn: int
    repeated: int
    late: int
    bytes: int
    damaged: tuple[str, ...]


def left(skipped: Skipped) -> Left:
    """What could not be used, to be told in a manifest."""
    damaged = tuple(sayable(sentence) for sentence in skipped.damaged)
    return Left(
        skipped.malformed, skipped.too_long, skipped.torn, skipped.repeated, skipped.late, skipped.bytes, damaged
    )


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`made` is in milliseconds since 1970; `began` and `ended` are of the earliest and the latest record."""

    format: int
    tool: str
    made: int
    host: str
    criteria: Criteria
    basis: Basis
    sources: tuple[From, ...]
    records: int
    sessions: int
    events: int
    began: int | None
    ended: int | None
    skipped: Left
    signer: Signer | None
    members: dict[str, Member]


def encoded(manifest: Manifest) -> bytes:
    """The manifest as it lies in a bundle."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decoded(data: bytes) -> Manifest:
    """The manifest of a bundle. Raises `BadBundle` where it is none, or of a format that is not known here."""
    try:
        form = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("format")
        if form is not None and bytes(form) != b"%d" % FORMAT:
            said = bytes(form)[:20].decode("ascii", "replace")
            raise BadBundle(f"{MANIFEST} is of format {said}, and this virt-warden knows format {FORMAT}")
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise BadBundle(f"{MANIFEST} is not what it should be: {wrong}") from None
    if set(manifest.members) != set(COVERED):
        raise BadBundle(f"{MANIFEST} does not name the members that it must")
    if len(manifest.sources) > MOST_SOURCES:
        raise BadBundle(f"{MANIFEST} names more than {MOST_SOURCES} logs")
    return manifest


def decoded_runs(data: bytes) -> list[Run]:
    """The runs of a bundle. Raises `BadBundle`."""
    try:
        return msgspec.json.decode(data, type=list[Run])
    except (msgspec.DecodeError, RecursionError) as wrong:
        raise BadBundle(f"{ORIGINS} is not what it should be: {wrong}") from None


def sums(manifest: bytes, members: dict[str, Member], signed: bytes | None) -> bytes:
    """The member that `sha256sum --check` takes: the digests of all others, as it writes them."""
    from hashlib import sha256  # noqa: PLC0415

    digests = {MANIFEST: sha256(manifest).hexdigest(), **{name: each.sha256 for name, each in members.items()}}
    if signed is not None:
        digests[SIGNATURE] = sha256(signed).hexdigest()
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()


def readme(signer: Signer | None) -> bytes:
    """How to check a bundle without virt-warden; it is the same in each, but for the signature."""
    return (_README + (_openssl(signer.algorithm) if signer else "")).encode()


def _openssl(algorithm: str) -> str:
    """The command that checks a signature of this kind, as a line of the README."""
    files = "manifest.sig manifest.json"
    if algorithm == "Ed25519":
        return (
            "    openssl pkeyutl -verify -pubin -inkey PUBLIC.pem -rawin -sigfile manifest.sig -in manifest.json\n"
        )
    family, _, digest = algorithm.rpartition("-")
    pss = "-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 " if family == "RSA-PSS" else ""
    return f"    openssl dgst -{digest.lower()} {pss}-verify PUBLIC.pem -signature {files}\n"


_README = """\
Evidence from audit logs, collected by virt-warden.

records.log     the records, byte for byte as they stand in the logs, in the logs' order
origins.json    where each stood: [source, offset, bytes, lines], sources as numbered in manifest.json from 0;
                offsets count in the log's text, after decompression
sessions.json   the guests' sessions that follow from the records; times are milliseconds since 1970 (UTC)
events.json     the events that follow from the records
manifest.json   what was asked, when, on which host; the logs with their SHA-256; the SHA-256 of each member
SHA256SUMS      the SHA-256 of every member

To check all of it, and that the sessions follow from the records:

    virt-warden audit verify BUNDLE
    virt-warden audit verify BUNDLE --key PUBLIC.pem --against /var/log/audit

To check it without virt-warden, in an empty directory:

    tar -xf BUNDLE
    sha256sum --check --strict SHA256SUMS
"""
