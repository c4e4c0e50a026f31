"""POSIX access lists in the form in which the kernel keeps them, as far as a change of mode touches them.

Source: the kernel's include/uapi/linux/posix_acl_xattr.h, version 2.
"""

from __future__ import annotations

import struct

NAME = "system.posix_acl_access"
_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_USER, _GROUP, _MASK, _OTHER = 0x01, 0x04, 0x10, 0x20


def with_mode(acl: bytes, mode: int) -> bytes:
    """The list after chmod: owner and others get their bits, and the mask those of the group where there is one."""
    entries = [_ENTRY.unpack_from(acl, at) for at in range(_HEADER.size, len(acl), _ENTRY.size)]
    has_mask = any(tag == _MASK for tag, _, _ in entries)
    wanted = {_USER: mode >> 6 & 7, (_MASK if has_mask else _GROUP): mode >> 3 & 7, _OTHER: mode & 7}
    return acl[: _HEADER.size] + b"".join(
        _ENTRY.pack(tag, wanted.get(tag, perm), who) for tag, perm, who in entries
    )
