"""What the value of a field means, by the field's name. Only the arguments of system calls need to know more.

Each function here takes a value as the record has it and gives it interpreted; it raises `ValueError` where the value
is not of the field's form, and then it is shown as it is.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial

from virtwarden.events.interpret.accounts import UNSET, group, user
from virtwarden.events.interpret.encoded import address, command_line, is_hexadecimal, keys, plain
from virtwarden.events.interpret.tables import architecture, joined_flags, names

Field = Callable[[str], str]


def number(value: str, base: int = 10) -> int:
    """A number that cannot be negative. Raises `ValueError`."""
    if not value.isascii() or "_" in value:
        raise ValueError(f"{value} is no number")
    found = int(value, base)
    if found < 0:
        raise ValueError(f"{value} is negative")
    return found


def named(table: str, unknown: str, value: str, base: int = 10) -> str:
    """A number's name in a table, or `unknown(VALUE)`."""
    prefix = "0x" if base == 16 else ""
    return names(table).get(number(value, base)) or f"{unknown}({prefix}{value})"


def named_user(value: str, base: int = 10) -> str:
    """A user by his number; -1 is how old kernels write that there is none."""
    return user(UNSET if value == "-1" else number(value, base))


def named_group(value: str, base: int = 10) -> str:
    """A group by its number."""
    return group(UNSET if value == "-1" else number(value, base))


def file_mode(value: str, base: int = 8) -> str:
    """A file's kind, what is special of its mode, and who may do what in octal: `dir,sticky,777`."""
    mode = number(value, base)
    kind = _KINDS.get(mode & 0o170000) or f"{mode >> 12 & 0o17:03o}"
    return f"{kind},{_special(mode)}{mode & 0o777:03o}"


def mode_bits(value: str, base: int = 16) -> str:
    """A mode without a kind: `sticky,0777`."""
    mode = number(value, base)
    return f"{_special(mode)}0{mode & 0o777:03o}"


def open_flags(value: str, base: int = 16) -> str:
    """How a file is opened: `O_RDWR|O_CREAT`."""
    flags = number(value, base)
    found = joined_flags("open", flags)
    if flags & os.O_ACCMODE:
        return found
    return f"O_RDONLY|{found}" if found else "O_RDONLY"


def map_flags(value: str) -> str:
    """How memory is mapped: `MAP_PRIVATE|MAP_ANONYMOUS`."""
    flags = number(value, 16)
    found = joined_flags("map", flags)
    if flags & 0xF:
        return found or f"0x{flags:x}"
    return f"MAP_FILE|{found}" if found else "MAP_FILE"


def personality(value: str) -> str:
    """An execution domain."""
    flags = number(value, 16)
    name = names("personality").get(flags & 0xFF)
    if name is None:
        return f"unknown-personality(0x{value})"
    return f"{name}|~ADDR_NO_RANDOMIZE" if flags & 0x0040000 else name


def _special(mode: int) -> str:
    return "".join(name for bit, name in _SPECIAL if mode & bit)


def _exit(value: str) -> str:
    code = int(value)
    if code >= 0:
        return value
    return f"{_ERRORS.get(-code, '(null)')}({os.strerror(-code)})"


def _architecture(value: str) -> str:
    return architecture(number(value, 16)) or f"unknown-elf-type({value})"


def _permissions(value: str) -> str:
    mask = number(value) & 0xF or 0xF  # the kernel takes none for all of them
    return ",".join(name for bit, name in ((4, "read"), (2, "write"), (1, "exec"), (8, "attr")) if mask & bit)


def _capabilities(value: str) -> str:
    mask = number(value, 16)
    return ",".join(name for bit, name in names("capability").items() if mask >> bit & 1) or "none"


def _success(value: str) -> str:
    if not value.isdigit():
        return value
    return {0: "no", 1: "yes"}.get(int(value), "unset")


def _keys(value: str) -> str:
    return " key=".join(keys(value))


def _account(value: str) -> str:
    bare = value.removesuffix(":")  # some programs put a colon behind it
    return plain(bare) if bare[:1] == '"' or is_hexadecimal(bare) else bare


def _session(value: str) -> str:
    return "unset" if value == str(UNSET) else value


def _promiscuous(value: str) -> str:
    return "yes" if int(value) else "no"


def _signal(value: str) -> str:
    return named("signal", "unknown-signal", value)


def _seccomp(value: str) -> str:
    return names("seccomp").get(number(value, 16) & 0xFFFF0000) or f"unknown-seccomp-code({value})"


def _group_of_netlink(value: str) -> str:
    return "audit-netlink-multicast" if number(value) == 1 else "audit-none"


def _mac_protocol(value: str) -> str:
    return {0x0800: "IP", 0x0806: "ARP"}.get(number(value, 16), "UNKNOWN")


def _answer(value: str) -> str:
    return {1: "allow", 2: "deny"}.get(number(value), "unknown") if value.isdigit() else value


def _request(value: str) -> str:
    return names("ioctl").get(number(value, 16)) or f"0x{number(value, 16):x}"


def _resolve(value: str) -> str:
    return joined_flags("resolve", number(value, 16)) or f"0x{number(value, 16):x}"


def _protocol(value: str) -> str:
    return names("protocol").get(number(value)) or "undefined protocol"


_ERRORS = dict(errno.errorcode) | {
    errno.EDEADLK: "EDEADLK",
    errno.EOPNOTSUPP: "EOPNOTSUPP",
}  # of two names, the usual one
_KINDS = {
    0o140000: "socket",
    0o120000: "link",
    0o100000: "file",
    0o060000: "block",
    0o040000: "dir",
    0o020000: "character",
    0o010000: "fifo",
}
_SPECIAL = ((0o4000, "suid,"), (0o2000, "sgid,"), (0o1000, "sticky,"))

_STRINGS = (
    "path comm exe file name watch cwd cmd dir vm old-chardev new-chardev old-disk new-disk old-fs new-fs old-net "
    "new-net device cgroup old-rng new-rng ocomm grp new_group invalid_context sw root_dir apparmor operation "
    "denied_mask info profile requested_mask"
)
_USERS = "auid uid euid suid fsuid ouid oauid old-auid iuid id inode_uid sauid obj_uid"
_GROUPS = "obj_gid gid egid sgid fsgid ogid igid inode_gid new_gid"
_CAPABILITY_SETS = (
    "cap_pi cap_pe cap_pp cap_pa cap_fi cap_fp fp fi old_pp old_pi old_pe old_pa new_pp new_pi new_pe pp pi pe pa"
)

FIELDS: dict[str, Field] = {
    **dict.fromkeys(_STRINGS.split(), plain),
    **dict.fromkeys(_USERS.split(), named_user),
    **dict.fromkeys(_GROUPS.split(), named_group),
    **dict.fromkeys(_CAPABILITY_SETS.split(), _capabilities),
    **dict.fromkeys(("perm", "perm_mask"), _permissions),
    **dict.fromkeys(("prom", "old_prom"), _promiscuous),
    **dict.fromkeys(("res", "result"), _success),
    **dict.fromkeys(("sig", "sigev_signo"), _signal),
    "acct": _account,
    "action": partial(named, "action", "unknown-action"),
    "arch": _architecture,
    "capability": partial(named, "capability", "unknown-capability"),
    "code": _seccomp,
    "exit": _exit,
    "family": partial(named, "netfilter", "unknown-netfilter-protocol"),
    "flags": map_flags,
    "hook": partial(named, "hook", "unknown-hook"),
    "icmptype": partial(named, "icmp", "unknown-icmp-type"),
    "ioctlcmd": _request,
    "key": _keys,
    "list": partial(named, "list", "unknown-list"),
    "macproto": _mac_protocol,
    "mode": file_mode,
    "nl-mcgrp": _group_of_netlink,
    "oflag": partial(open_flags, base=0),
    "per": personality,
    "proctitle": command_line,
    "proto": _protocol,
    "resolve": _resolve,
    "resp": _answer,
    "saddr": address,
    "ses": _session,
}
"""What is not named here is shown as it is."""


def _as_it_is(value: str) -> str:
    return value


SPECIAL: dict[str, dict[str, Field]] = {
    "EXECVE": {"a": plain},  # a0, a1, a2[0] …
    "URINGOP": {"uring_op": partial(named, "uring", "unknown-syscall")},
    "AVC": {"saddr": _as_it_is},
    "NETFILTER_PKT": {"saddr": _as_it_is},
    "MQ_OPEN": {"mode": partial(mode_bits, base=8)},
    "CRYPTO_KEY_USER": {"fp": _as_it_is},
    "ADD_GROUP": {"id": named_group},
    "DEL_GROUP": {"id": named_group},
    "GRP_MGMT": {"id": named_group},
}
"""Records in which a field means something else."""
