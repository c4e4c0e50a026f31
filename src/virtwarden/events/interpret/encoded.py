"""Values that the kernel writes in hexadecimal because they hold more than plain characters: strings and addresses."""

from __future__ import annotations

from virtwarden.events.interpret.tables import names

KEY_SEPARATOR = "\x01"

_OCTAL = {code: f"\\{code:03o}" for code in range(32)}


def plain(value: str) -> str:
    """A string as it was before it was quoted, or encoded as hexadecimal: control characters are spelled in octal.

    What is neither, such as `?`, `(null)` and `(none)`, stays as it is.
    """
    return _spelled(decoded(value))


def command_line(value: str) -> str:
    """A process's arguments; they are separated by NUL, which is shown as a space."""
    return _spelled(decoded(value).removesuffix("\0").replace("\0", " "))


def keys(value: str) -> list[str]:
    """The keys of the rules that made the record: one string may hold several."""
    return [_spelled(key) for key in decoded(value).split(KEY_SEPARATOR)]


def _spelled(text: str) -> str:
    return text if text.isprintable() else text.translate(_OCTAL)  # translating is slow


def decoded(value: str) -> str:
    """A string as it was before it was quoted or encoded, whatever characters it holds."""
    if value[:1] == '"':
        return value[1:].partition('"')[0]
    raw = _bytes(value)
    if not raw:
        return value
    if raw[:1] == b"\0":  # the abstract name of a socket
        raw = raw[1:]
    return raw.decode("utf-8", "surrogateescape")


def is_hexadecimal(value: str) -> bool:
    """Whether a value can be encoded bytes: an even number of hexadecimal digits, at least two."""
    return bool(_bytes(value))


def _bytes(value: str) -> bytes:
    try:
        raw = bytes.fromhex(value)
    except ValueError:
        return b""
    return raw if len(raw) * 2 == len(value) else b""  # fromhex passes over blanks


def address(value: str) -> str:
    """A socket address, `saddr`: its family and what belongs to that. Raises `ValueError` where it is none."""
    raw = bytes.fromhex(value)
    if len(raw) < 2:
        raise ValueError("an address begins with its family")
    family = int.from_bytes(raw[:2], "little")
    name = names("family").get(family)
    if name is None:
        return f"unknown-family({family})"
    return f"{{ saddr_fam={name} {_within(family, raw)} }}"


def _within(family: int, raw: bytes) -> str:
    """What an address says beside its family. The layouts are those of unix(7), ip(7), ipv6(7), netlink(7)."""
    import socket  # noqa: PLC0415  # few records have addresses

    if family == socket.AF_UNIX:
        return _local(raw)
    if family == socket.AF_INET:
        return _host(socket.inet_ntop(family, raw[4:8]), raw) if len(raw) >= 16 else "sockaddr len too short"
    if family == socket.AF_INET6:
        is_whole = len(raw) >= 28
        return (
            _host(socket.inet_ntop(family, raw[8:24]) + _scope(raw), raw)
            if is_whole
            else "sockaddr6 len too short"
        )
    if family == socket.AF_NETLINK:
        return f"nlnk-fam=16 nlnk-pid={_word(raw, 4)}" if len(raw) >= 12 else "len too short"
    if family == socket.AF_VSOCK and len(raw) >= 12:
        return f"cid={_word(raw, 8)} port={_word(raw, 4)}"
    return "(unsupported)"


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 4], "little")


def _local(raw: bytes) -> str:
    if len(raw) < 4:
        return "unnamed socket" if len(raw) == 2 else "sockaddr len too short"
    path = raw[3:] if raw[2] == 0 else raw[2:]
    return "path=" + _spelled(path.split(b"\0")[0].decode("utf-8", "surrogateescape"))


def _host(name: str, raw: bytes) -> str:
    return f"laddr={name} lport={int.from_bytes(raw[2:4], 'big')}"


def _scope(raw: bytes) -> str:
    scope = _word(raw, 24)
    return f"%{scope}" if scope and raw[8] == 0xFE and raw[9] & 0xC0 == 0x80 else ""
