"""The text of audit records: heads, `name=value` pairs, and the two spellings of values.

Strings that users can choose are written in quotes where they are plain and as upper-case hexadecimal where they hold
blanks, quotes or bytes beyond ASCII (audit_encode_nv_string in libaudit); other values stand as they are.
"""

from __future__ import annotations

import re

HEAD = re.compile(rb"(?:node=(\S+) )?type=(\S+) msg=audit\((\d{1,11})\.(\d{3}):(\d{1,19})\): ?")
_PAIR = re.compile(rb"""(?<![\w-])([A-Za-z_][\w-]{0,40})=("[^"]*"|'[^']*'|[^\s'\x1d]*)""")
_HEX = re.compile(rb"(?:[0-9A-F]{2})+\Z")
ENRICHED = b"\x1d"
"""What the names that auditd looked up stand behind (log_format = ENRICHED)."""
UNSET = 4294967295
"""An auid or session that nobody has: what no login started."""


def pairs(text: bytes) -> dict[str, bytes]:
    """The fields of a text; of equal names the first counts, since what a user can choose stands last."""
    found: dict[str, bytes] = {}
    for name, value in _PAIR.findall(text):
        found.setdefault(name.decode(), value)
    return found


def value(text: bytes, name: bytes) -> bytes | None:
    """One field of a text whose values hold no blanks, as the kernel's own records; None where it has none."""
    at = text.find(b" " + name + b"=")
    if at < 0:
        return None
    start = at + len(name) + 2
    end = text.find(b" ", start)
    found = text[start : end if end >= 0 else len(text)]
    return found.partition(ENRICHED)[0]


def decoded(text: bytes) -> str:
    """Bytes as text; what is not UTF-8 survives as surrogates."""
    return text.decode("utf-8", "surrogateescape")


def plain(value: bytes | None) -> str | None:
    """A value that is never encoded; None for `?` and `(null)`."""
    if value is None or value in (b"?", b'"?"', b"", b"(null)", b"(none)"):
        return None
    return decoded(value[1:-1] if value[:1] == b'"' == value[-1:] and len(value) > 1 else value)


def encoded(value: bytes | None) -> str | None:
    """A value that is in quotes or hexadecimal; None for `?`."""
    if value is None or value in (b"?", b'"?"', b'""', b"", b"(null)"):
        return None
    if value[:1] == b'"':
        return decoded(value[1:-1] if value[-1:] == b'"' and len(value) > 1 else value[1:])
    if _HEX.match(value):
        return decoded(bytes.fromhex(value.decode()))
    return decoded(value)


def number(value: bytes | None) -> int | None:
    """A decimal number; None where it is none."""
    if value is None or len(value) > 19 or not value.removeprefix(b"-").isdigit():
        return None
    return int(value)


def name_of(text: bytes, field: bytes) -> str | None:
    """The name that auditd looked up for a field (`UID`, `AUID`); None where it did not."""
    at = text.find(field + b'="', text.find(ENRICHED)) if ENRICHED in text else -1
    while at > 0 and text[at - 1 : at] not in (ENRICHED, b" "):
        at = text.find(field + b'="', at + 1)
    if at < 0:
        return None
    start = at + len(field) + 2
    return decoded(text[start : text.find(b'"', start)])
