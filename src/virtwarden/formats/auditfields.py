"""The fields of an audit rule (`-F name=value`, `-C name!=name`) in the one spelling that can be compared.

The kernel keeps numbers where a file has names, and `auditctl -l` prints names where a file has numbers: here
`auid!=-1`, `auid!=4294967295` and `auid!=unset` are equal, as are `perm=aw` and `perm=wa`. What auditctl or the
kernel would refuse raises `Malformed`. Source: auditctl(8) and audit_rule_fieldpair_data in libaudit.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass

from virtwarden.formats import Malformed

_OPERATORS = ("!=", ">=", "<=", "&=", "=", ">", "<", "&")
_NUMBER = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})")
_WORD = 0xFFFFFFFF
_PERMISSIONS = "rwxa"

_USERS = frozenset(("uid", "euid", "suid", "fsuid", "auid", "obj_uid"))
_GROUPS = frozenset(("gid", "egid", "sgid", "fsgid", "obj_gid"))
_PATHS = frozenset(("path", "dir"))
_NUMBERS = frozenset(("pid", "ppid", "pers", "devmajor", "devminor", "inode", "success"))
_ARGUMENTS = frozenset(("a0", "a1", "a2", "a3"))
_LABELS = frozenset(
    f"{whose}_{part}"
    for whose, parts in (
        ("subj", ("user", "role", "type", "sen", "clr")),
        ("obj", ("user", "role", "type", "lev_low", "lev_high")),
    )
    for part in parts
)
_TEXTS = _LABELS | {"exe", "filetype", "fstype", "msgtype", "saddr_fam", "key"}
_ONLY_ON_EXIT = (
    _PATHS | {"perm", "exit", "success", "devmajor", "devminor", "inode", "filetype", "ppid", "obj_uid", "obj_gid"}
    | {label for label in _LABELS if label.startswith("obj_")}
)  # fmt: skip
_LEVELS = frozenset(("subj_sen", "subj_clr", "obj_lev_low", "obj_lev_high"))
_ONLY_EQUAL = (_TEXTS - _LEVELS - {"msgtype", "saddr_fam"}) | {"arch", "inode"}
_COMPARABLE = _USERS | _GROUPS
_WIDE = ("b64", "x86_64", "aarch64", "ppc64", "ppc64le", "s390x", "ia64", "alpha", "riscv64", "loongarch64")
_NARROW = ("b32", "i386", "i486", "i586", "i686", "arm", "armeb", "armv5tejl", "armv7l", "ppc", "s390", "riscv32")
_ARCHES = dict.fromkeys(_WIDE, "b64") | dict.fromkeys(_NARROW, "b32")
_ACCOUNT = re.compile(r"[A-Za-z_][^\s:]*\Z")
_64_BIT = 0x80000000


@dataclass(frozen=True, slots=True, order=True)
class Field:
    """One condition of a rule; all of them must hold. `path` and `dir` of a watch are both named `watch`; a
    comparison of two fields has the second one's name as its value and `compares` set."""

    name: str
    operator: str
    value: str
    compares: bool = False

    def __str__(self) -> str:
        return f"-C {self.name}{self.operator}{self.value}" if self.compares else self._pair

    @property
    def _pair(self) -> str:
        return f"-F {'path' if self.name == 'watch' else self.name}{self.operator}{self.value}"


def field(text: str, on: str) -> Field:
    """The field that `-F text` adds to a rule on the list `on`."""
    name, operator, value = _split(text)
    name = "auid" if name == "loginuid" else name
    spelled = _SPELLINGS.get(name)
    if spelled is None:
        raise Malformed(f"there is no field {name}")
    if name in _ONLY_ON_EXIT and on != "exit":
        raise Malformed(f"{name} can only be asked for on the exit list")
    if operator != "=" and (name in _PATHS or name in ("perm", "key")):
        raise Malformed(f"{name} takes no operator but =")
    if operator not in ("=", "!=") and name in _ONLY_EQUAL:
        raise Malformed(f"{name} takes no operator but = and !=")
    if operator in ("&", "&=") and name not in _ARGUMENTS:
        raise Malformed(f"only arguments of system calls take {operator}")
    if not value:
        raise Malformed(f"{name} has no value")
    return Field(name, operator, spelled(value))


def comparison(text: str) -> Field:
    """The field that `-C text` adds to a rule."""
    left, operator, right = _split(text)
    first, second = sorted("auid" if name == "loginuid" else name for name in (left, right))
    if operator not in ("=", "!="):
        raise Malformed("fields can only be compared with = and !=")
    for name in (first, second):
        if name not in _COMPARABLE:
            raise Malformed(f"{name} cannot be compared with another field")
    if first == second or (first in _USERS) != (second in _USERS):
        raise Malformed(f"{first} cannot be compared with {second}")
    return Field(first, operator, second, compares=True)


def permissions(value: str) -> str:
    """The letters of a watch in one order."""
    letters = value.lower()
    if not letters or len(letters) > len(_PERMISSIONS) or not set(letters) <= set(_PERMISSIONS):
        raise Malformed(f"{value} are no permissions; they are of {_PERMISSIONS}")
    return "".join(letter for letter in _PERMISSIONS if letter in letters)


def path(value: str) -> str:
    """A path without slashes at its end."""
    if not value.startswith("/"):
        raise Malformed("a path must begin with a slash")
    return value.rstrip("/") or "/"


def _split(text: str) -> tuple[str, str, str]:
    for operator in _OPERATORS:
        name, found, value = text.partition(operator)
        if found:
            return name, operator, value
    raise Malformed(f"{text} has no operator")


def _integer(value: str) -> int:
    found = _NUMBER.match(value)
    if found is None:
        raise Malformed(f"{value} is not a number")
    digits = found.group().removeprefix("-")
    octal = digits.startswith("0") and digits.isdigit() and set(digits) <= set("01234567")
    number = int(digits, 8 if octal else 16 if digits[:2] in ("0x", "0X") else 10)
    return -number if found.group().startswith("-") else number


def _user(value: str) -> str:
    if value == "unset":
        return value
    number = str(_integer(value) & _WORD) if value.startswith("-") else _account(value)
    return "unset" if number == str(_WORD) else number


def _account(value: str) -> str:
    """A user's or a group's number; a name is left as it is, for only the host knows what it stands for."""
    if value == "root":
        return "0"
    return value if _ACCOUNT.match(value) else _natural(value)


def _natural(value: str) -> str:
    if value.startswith("-"):
        raise Malformed(f"{value} is below zero")
    return str(_integer(value) & _WORD)


def _exit(value: str) -> str:
    name = value.removeprefix("-")
    if name in _ERRORS:
        return value if value.startswith("-") else str(_ERRORS[name])
    number = _integer(value)
    number = number - (1 << 32) if number > 0x7FFFFFFF else number
    return f"-{errno.errorcode[-number]}" if -number in errno.errorcode else str(number)


_ERRORS = {name: number for number, name in errno.errorcode.items()} | {"EWOULDBLOCK": errno.EWOULDBLOCK}


def _arch(value: str) -> str:
    if value[0].isdigit():
        return "b64" if _integer(value) & _64_BIT else "b32"
    if value not in _ARCHES:
        raise Malformed(f"{value} is no machine")
    return _ARCHES[value]


def _directory(value: str) -> str:
    return path(value)


def _file(value: str) -> str:
    if value.endswith("/"):
        raise Malformed("the kernel takes no path= with a slash at its end")
    return path(value)


def _as_it_is(value: str) -> str:
    return value


def _session(value: str) -> str:
    return "unset" if value == "unset" or _integer(value) & _WORD == _WORD else str(_integer(value))


_SPELLINGS: dict[str, Callable[[str], str]] = {
    **dict.fromkeys(_USERS, _user),
    **dict.fromkeys(_GROUPS, _account),
    **dict.fromkeys(_NUMBERS, _natural),
    **dict.fromkeys(_ARGUMENTS, lambda value: f"0x{_integer(value) & _WORD:X}"),
    **dict.fromkeys(_TEXTS, _as_it_is),
    "exit": _exit,
    "arch": _arch,
    "perm": permissions,
    "path": _file,
    "dir": _directory,
    "sessionid": _session,
}
