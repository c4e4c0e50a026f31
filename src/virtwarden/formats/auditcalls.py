"""The system calls that an audit rule's permissions stand for.

From version 4 on auditctl puts them into a rule that asks for permissions and names no system call, and lists
them with it; the kernel compares permissions either way, so such a rule means the same with and without them.
Source: libaudit's lib/permtab.h.
"""

from __future__ import annotations

_ON_EVERY_MACHINE = {
    "x": "execve",
    "w": "openat mkdirat unlinkat truncate ftruncate",
    "r": "openat readlinkat getxattr",
    "a": "fchmod fchmodat fchownat setxattr",
}
_ON_SOME = {
    "x": "execveat",
    "w": "acct bind creat fallocate link linkat mkdir mknod mknodat open openat2 quotactl quotactl_fd rename"
    " renameat renameat2 rmdir swapon symlink symlinkat unlink",
    "r": "fgetxattr file_getattr flistxattr getxattrat lgetxattr listxattr listxattrat llistxattr open openat2"
    " quotactl readlink",
    "a": "chmod chown fchmodat2 fchown file_setattr fremovexattr fsetxattr lchown link linkat lremovexattr"
    " lsetxattr removexattr removexattrat setxattrat",
}
_ALWAYS = {letter: frozenset(calls.split()) for letter, calls in _ON_EVERY_MACHINE.items()}
_SOMETIMES = {letter: frozenset(calls.split()) for letter, calls in _ON_SOME.items()}


def stand_for(syscalls: frozenset[str], permissions: str) -> bool:
    """Whether these system calls are what the permissions stand for, on whatever machine; calls that have a
    number only are newer than the auditctl that listed them."""
    always = frozenset[str]().union(*(_ALWAYS[letter] for letter in permissions))
    known = always.union(*(_SOMETIMES[letter] for letter in permissions))
    return always <= syscalls and all(call in known or call.isdigit() for call in syscalls)
