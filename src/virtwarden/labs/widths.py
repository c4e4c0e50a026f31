"""System calls by the two doors of the kernel: as programs of 64 and of 32 bits make them.

Audit rules hold for one door each. On x86-64 a 64-bit process may go through the other one, with `int 0x80`; where
the kernel lacks 32-bit support the process dies of it, so this is for processes that are made to be thrown away.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import platform
import struct
from typing import Protocol

from virtwarden.lab import Impossible, Width

_MAP_32BIT = 0x40
_SIZE = 16384
_DATA = 4096
_MFD_EXEC = 0x10
_CODE = bytes.fromhex(
    "53"  # push rbx
    "89f8"  # mov eax, edi: the number of the call
    "89f3"  # mov ebx, esi: its first argument
    "87d1"  # xchg ecx, edx: the second and the third
    "cd80"  # int 0x80
    "5b"  # pop rbx
    "c3"  # ret
)
_OPEN, _EXECVE, _CHMOD = 5, 11, 15


class Door(Protocol):
    """The calls that touch a path. Each raises `OSError` where the kernel refuses."""

    def open(self, path: str, flags: int) -> None:
        """Open and leave it to the end of the process to close; a file that is made is for its owner alone."""
        ...

    def chmod(self, path: str, mode: int) -> None:
        """Set a mode."""
        ...

    def execute(self, path: str) -> None:
        """Become this program."""
        ...


class Wide:
    """The door that this program itself uses."""

    def open(self, path: str, flags: int) -> None:
        """See `Door`."""
        os.open(path, flags, 0o600)

    def chmod(self, path: str, mode: int) -> None:
        """See `Door`."""
        os.chmod(path, mode)

    def execute(self, path: str) -> None:
        """See `Door`."""
        os.execv(path, [path])  # noqa: S606  # ended by its tracer before its first instruction


class Narrow:
    """The door of 32-bit programs. Raises `Impossible` where the processor has none that we can use."""

    def __init__(self) -> None:
        if platform.machine() != "x86_64":
            raise Impossible(f"a 64-bit program cannot make 32-bit system calls on {platform.machine()}")
        try:
            self._memory = mmap.mmap(-1, _SIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_32BIT)
            self._code = _executable(_CODE)
        except OSError as refused:
            raise Impossible(f"no memory for 32-bit system calls: {refused.strerror}") from None
        self._at = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        numbers = (ctypes.c_uint32,) * 4
        self._call = ctypes.CFUNCTYPE(ctypes.c_int32, *numbers)(self._code)

    def open(self, path: str, flags: int) -> None:
        """See `Door`."""
        self._do(_OPEN, path, flags, 0o600)

    def chmod(self, path: str, mode: int) -> None:
        """See `Door`."""
        self._do(_CHMOD, path, mode, 0)

    def execute(self, path: str) -> None:
        """See `Door`."""
        lists = self._at + _SIZE - 16
        struct.pack_into("=IIII", self._memory, _SIZE - 16, self._at + _DATA, 0, 0, 0)
        self._do(_EXECVE, path, lists, lists + 4)

    def _do(self, number: int, path: str, second: int, third: int) -> None:
        name = os.fsencode(path) + b"\0"
        self._memory[_DATA : _DATA + len(name)] = name
        came = self._call(number, self._at + _DATA, second, third)
        if came < 0:
            raise OSError(-came, os.strerror(-came))


def _executable(code: bytes) -> int:
    """The address of this code, mapped from a file in memory: SELinux forbids to run what was written where it is.
    Raises `OSError`."""
    try:
        descriptor = os.memfd_create("virt-warden", os.MFD_CLOEXEC | _MFD_EXEC)
    except OSError:  # a kernel before 6.3 does not know that flag, and needs none
        descriptor = os.memfd_create("virt-warden", os.MFD_CLOEXEC)
    os.write(descriptor, code.ljust(mmap.PAGESIZE, b"\0"))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    rights = mmap.PROT_READ | mmap.PROT_EXEC
    sizes = (ctypes.c_void_p(None), ctypes.c_size_t(mmap.PAGESIZE))
    at: int = libc.mmap(*sizes, rights, mmap.MAP_PRIVATE, descriptor, ctypes.c_long(0))
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return at


def door(width: Width) -> Door:
    """The door of this width. Raises `Impossible`."""
    return Wide() if width == "b64" else Narrow()
