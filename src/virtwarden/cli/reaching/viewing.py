"""How a running guest's console is reached: the tunnel, if it takes one, the viewer, and what has to be there first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509

from virtwarden.cli import UsageError
from virtwarden.cli.reaching import Reach
from virtwarden.facts.consoles import reach_of
from virtwarden.facts.domain import Console, Definition

KINDS = ("spice", "vnc")
_LOOPBACK = "127.0.0.1"
_AUTHORITIES = ("~/.pki/CA/cacert.pem", "~/.pki/libvirt/cacert.pem", "/etc/pki/CA/cacert.pem")
_OPENSSL = {
    "C": "C", "ST": "ST", "L": "L", "O": "O", "OU": "OU", "CN": "CN", "DC": "DC", "UID": "UID",
    "2.5.4.5": "serialNumber", "1.2.840.113549.1.9.1": "emailAddress", "2.5.4.12": "title", "2.5.4.4": "SN",
    "2.5.4.42": "GN", "2.5.4.9": "street",
}  # fmt: skip
"""The short names that OpenSSL, by which SPICE's client compares subjects, has for attributes."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way to a console: `tunnel`, if any, has to run while `viewer` does. `local_port` is where it begins;
    `remarks` say what has to be there besides."""

    kind: str
    viewer: tuple[str, ...]
    tunnel: tuple[str, ...] = ()
    local_port: int | None = None
    remarks: tuple[str, ...] = ()


def attached(name: str) -> Way:
    """A console of a guest on this host: libvirt hands it over, wherever it listens."""
    return Way("attach", ("virt-viewer", "--connect", "qemu:///system", "--attach", "--", name))


def text_console(reach: Reach, name: str) -> Way:
    """The text console of a guest, over libvirt's own connection."""
    return Way("text", ("virsh", "-c", reach.uri(), "console", "--domain", name))


def tunnelled(reach: Reach, console: Console, local: int, subject: str | None) -> Way:
    """A console at the other end of ssh."""
    far, encrypted = _far_end(console)
    options = ("-N", "-o", "ExitOnForwardFailure=yes", "-L", f"{_LOOPBACK}:{local}:{far}")
    viewer, remarks = _viewer(console, _LOOPBACK, local, subject, encrypted=encrypted)
    if far.startswith("/") and reach.user != "root":
        remarks = (
            *remarks,
            f"{far} is open to root and to QEMU's user alone: log in as root, or look at it there",
        )
    return Way(console.kind, viewer, reach.ssh(*options), local, remarks)


def over_tls(reach: Reach, console: Console, subject: str | None) -> Way:
    """A console that is reached at its own port, over TLS."""
    name = console.kind.upper()
    if not any(_is_beyond(each.address) for each in console.listens if each.kind != "socket"):
        raise UsageError(f"the {name} console listens on that host only; use --transport ssh")
    port = console.tls_port if console.kind == "spice" else console.port
    if port is None:
        raise UsageError(f"the {name} console has no TLS port; see virt-warden explain spice-requires-tls")
    viewer, remarks = _viewer(console, reach.bracketed, port, subject, encrypted=True)
    return Way(console.kind, viewer, (), None, remarks)


def far_port(console: Console) -> int | None:
    """The port at which a console waits: the plain one where there is one."""
    return console.port or console.tls_port


def authority_file() -> str:
    """The certificate of the authority where clients look for it; the first place where there is none yet."""
    places = [os.path.expanduser(place) for place in _AUTHORITIES]
    return next((place for place in places if os.path.exists(place)), places[0])


def openssl_subject(name: x509.Name) -> str:
    """A subject as SPICE's viewer takes it: in the certificate's order, `\\` before commas and backslashes."""
    return ",".join(_part(each) for rdn in name.rdns for each in rdn)


def _part(attribute: x509.NameAttribute[str | bytes]) -> str:
    oid = attribute.oid.dotted_string
    key = _OPENSSL.get(attribute.rfc4514_attribute_name) or _OPENSSL.get(oid) or oid
    value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
    return f"{key}={value}".replace("\\", "\\\\").replace(",", "\\,")


def _is_beyond(address: str | None) -> bool:
    return address is not None and reach_of(address) in ("address", "any")


def _far_end(console: Console) -> tuple[str, bool]:
    """Where ssh is to go at the other end, and whether TLS is spoken there."""
    for listen in console.listens:
        if listen.kind == "socket" and listen.address:
            return _plain(listen.address), False
    port = far_port(console)
    if port is None:
        raise UsageError(f"the {console.kind.upper()} console listens nowhere")
    addresses = [each.address for each in console.listens if each.address and each.kind != "socket"]
    narrow = next((each for each in addresses if reach_of(each) == "address"), None)
    six = any(each == "::1" for each in addresses)
    host = narrow or ("::1" if six else _LOOPBACK)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}", console.port is None


def _plain(path: str) -> str:
    """A socket's path, as far as ssh can be told it."""
    if not path.startswith("/") or not path.isprintable() or any(each in path for each in ":%$ "):
        raise UsageError(f"ssh cannot be told the socket {path!r}; use virt-viewer --attach on that host")
    return path


def _viewer(
    console: Console, host: str, port: int, subject: str | None, *, encrypted: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if console.kind == "vnc":
        remarks = tuple(_vnc_remarks(host)) if encrypted else ()
        return ("remote-viewer", f"vnc://{host}:{port}"), remarks
    if not encrypted:
        return ("remote-viewer", f"spice://{host}:{port}"), ()
    authority = authority_file()
    pinned = (f"--spice-host-subject={subject}",) if subject else ()
    remarks = () if os.path.exists(authority) else (f"put the authority's certificate into {authority}",)
    if not subject and host == _LOOPBACK:
        remarks = (*remarks, "the server's certificate could not be read: name its subject, --spice-host-subject=")
    argv = ("remote-viewer", f"spice://{host}?tls-port={port}", f"--spice-ca-file={authority}", *pinned)
    return argv, remarks


def _vnc_remarks(host: str) -> Iterator[str]:
    yield (
        "the viewer takes its certificate from ~/.pki: CA/cacert.pem, libvirt-vnc/clientcert.pem and "
        "libvirt-vnc/private/clientkey.pem"
    )
    if host == _LOOPBACK:
        yield f"it expects the server's certificate to name {_LOOPBACK}"


def consoles_of(definition: Definition, kind: str | None) -> list[Console]:
    """The consoles that a viewer can show, SPICE first, of one kind if it is named."""
    wanted = (kind,) if kind else KINDS
    return [console for each in wanted for console in definition.consoles_of(each)]
