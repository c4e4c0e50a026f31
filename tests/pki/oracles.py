"""What the real libraries say: GnuTLS of names, host names and chains, GLib and libc of patterns. All by ctypes."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import POINTER, byref, c_char_p, c_int, c_size_t, c_ubyte, c_uint, c_void_p, string_at
from functools import cache

_DER = 0
_SHORT_BUFFER = -51
_NAMED = {
    "signer-not-found": 1 << 6, "not-a-ca": 1 << 7, "insecure": 1 << 8, "not-yet": 1 << 9, "expired": 1 << 10,
    "signature": 1 << 11, "revoked": 1 << 5, "constraints": 1 << 15, "purpose": 1 << 18,
    "critical": 1 << 21, "invalid": 1 << 1,
}  # fmt: skip


class _Datum(ctypes.Structure):
    _fields_ = (("data", POINTER(c_ubyte)), ("size", c_uint))


def _datum(data: bytes) -> _Datum:
    return _Datum(ctypes.cast(ctypes.create_string_buffer(data, len(data)), POINTER(c_ubyte)), len(data))


@cache
def gnutls() -> ctypes.CDLL | None:
    """The library, None where it is not installed."""
    try:
        return ctypes.CDLL("libgnutls.so.30")
    except OSError:
        return None


@cache
def glib() -> ctypes.CDLL | None:
    """The library, None where it is not installed."""
    try:
        return ctypes.CDLL("libglib-2.0.so.0")
    except OSError:
        return None


def glib_matches(pattern: str, subject: str) -> bool:
    """What libvirt asks today."""
    found = glib()
    assert found is not None
    return bool(found.g_pattern_match_simple(c_char_p(pattern.encode()), c_char_p(subject.encode())))


def fnmatch_matches(pattern: bytes, subject: bytes) -> bool:
    """What libvirt asked before 2020, in the C locale as a daemon has it."""
    return int(ctypes.CDLL(None).fnmatch(c_char_p(pattern), c_char_p(subject), c_int(0))) == 0


def spelled(name: bytes) -> bytes | int:
    """A name in DER as GnuTLS spells it, or its error."""
    library = gnutls()
    assert library is not None
    size = c_size_t(1 << 18)
    buffer = ctypes.create_string_buffer(size.value)
    datum = _datum(name)
    code = int(library.gnutls_x509_rdn_get(byref(datum), buffer, byref(size)))
    return buffer.raw[: size.value].rstrip(b"\0") if code == 0 else code


class Crt:
    """A certificate in GnuTLS's hands. `code` is below 0 where it would not have it."""

    def __init__(self, der: bytes) -> None:
        library = gnutls()
        assert library is not None
        self.library, self.handle = library, c_void_p()
        library.gnutls_x509_crt_init(byref(self.handle))
        datum = _datum(der)
        self.code = int(library.gnutls_x509_crt_import(self.handle, byref(datum), _DER))

    def __del__(self) -> None:
        self.library.gnutls_x509_crt_deinit(self.handle)

    def covers(self, host: str) -> bool:
        """`gnutls_x509_crt_check_hostname`."""
        return bool(self.library.gnutls_x509_crt_check_hostname(self.handle, c_char_p(host.encode())))

    def subject(self) -> bytes:
        """`gnutls_x509_crt_get_dn`, as libvirt calls it."""
        size = c_size_t(1 << 18)
        buffer = ctypes.create_string_buffer(size.value)
        code = self.library.gnutls_x509_crt_get_dn(self.handle, buffer, byref(size))
        assert code == 0, code
        return string_at(buffer)


def chain_status(chain: Sequence[bytes], authorities: Sequence[bytes], flags: int = 0) -> int:
    """`gnutls_x509_crt_list_verify`: 0 if it is trusted, below 0 if it could not be asked."""
    crts, trusted = [Crt(each) for each in chain], [Crt(each) for each in authorities]
    if any(each.code < 0 for each in (*crts, *trusted)):
        return -1
    library = gnutls()
    assert library is not None
    status = c_uint(0)
    code = library.gnutls_x509_crt_list_verify(
        (c_void_p * len(crts))(*(each.handle for each in crts)), len(crts),
        (c_void_p * max(1, len(trusted)))(*(each.handle for each in trusted)), len(trusted),
        None, 0, flags, byref(status),
    )  # fmt: skip
    return code if code < 0 else status.value


def words(status: int) -> frozenset[str]:
    """The named bits of a status."""
    return frozenset(name for name, bit in _NAMED.items() if status >= 0 and status & bit)
