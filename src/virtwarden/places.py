"""Where documents are kept, and the order in which they are changed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from virtwarden.host import Absent, Source, Unknown
from virtwarden.model import Document

_XML = {
    "domain": "/etc/libvirt/qemu/{}.xml",
    "nwfilter": "/etc/libvirt/nwfilter/{}.xml",
    "network": "/etc/libvirt/qemu/networks/{}.xml",
}
UNIT_PLACES = (
    "/etc/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
"""Where units of systemd lie, those that count first."""

_BOOT = (
    "/etc/default/grub",
    "/etc/kernel/cmdline",
    "/boot/loader/entries/*.conf",
    "/boot/efi/loader/entries/*.conf",
    "/efi/loader/entries/*.conf",
    "/boot/grub2/grubenv",
    "/boot/grub/grub.conf",
    "/boot/grub/menu.lst",
)
_OPTIONS = re.compile(r"^kernelopts=", re.MULTILINE)
_NEW_MODES = (("/etc/audit/", 0o640), ("/etc/ssh/", 0o600))

_ORDER = tuple(
    re.compile(pattern)
    for pattern in (
        r"directory",
        r"file /etc/pki/",
        r"file /etc/libvirt/(?!nwfilter|qemu/)",
        r"file (?!/etc/audit/|/etc/ssh/|/etc/(?:firewalld|ufw)/|.*\.nft\Z|/etc/libvirt/)",
        r"sysctl|boolean|fcontext",
        r"nwfilter",
        r"domain",
        r"unit (?!ssh|virt-?warden|firewalld)",
        r"boot",
        r"file (?:/etc/ssh/|/etc/(?:firewalld|ufw)/|.*\.nft\Z)|unit",
    )
)


def path_of(document: Document) -> str:
    """The file that holds a document; empty for one that no single file holds."""
    if document.kind in ("file", "boot", "directory"):
        return document.name
    form = _XML.get(document.kind)
    return "" if form is None else form.format(document.name)


def new_mode(path: str) -> int:
    """The permissions of a file that is made because there is none."""
    return next((mode for place, mode in _NEW_MODES if path.startswith(place)), 0o644)


def spread(source: Source, document: Document) -> Iterator[Document]:
    """The documents that stand for this one: the kernel's line is written in several files at once. Raises
    `Unknown` where it cannot be told which."""
    if document.kind != "boot":
        yield document
        return
    seen: set[str] = set()
    for pattern in _BOOT:
        for path in _listed(source, pattern):
            real = _real(source, path)
            if real not in seen and _holds_arguments(source, path):
                seen.add(real)
                yield Document("boot", path)


def order_of(document: Document, path: str) -> tuple[int, str, str]:
    """Keys before those who use them, files before the units that read them, what can cut the way in near the end,
    and what the audit system watches last."""
    name = f"{document.kind} {path or document.name}"
    rank = next((number for number, place in enumerate(_ORDER) if place.match(name)), len(_ORDER))
    return rank, document.kind, document.name


def _listed(source: Source, pattern: str) -> list[str]:
    try:
        return source.glob(pattern)
    except Absent:
        return []


def _real(source: Source, path: str) -> str:
    try:
        return source.stat(path).real
    except (Absent, Unknown):
        return path


def _holds_arguments(source: Source, path: str) -> bool:
    try:
        text = source.read(path).text
    except Absent:
        return False
    return _OPTIONS.search(text) is not None if path.endswith("grubenv") else bool(text.strip())
