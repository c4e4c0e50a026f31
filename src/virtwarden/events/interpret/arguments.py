"""What the first four arguments of a system call mean, as far as a number tells: `a1=O_RDWR|O_CREAT`.

An argument is a number in hexadecimal. Pointers, lengths and descriptors stay numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

from virtwarden.events.interpret.fields import (
    file_mode,
    map_flags,
    mode_bits,
    named,
    named_group,
    named_user,
    number,
    open_flags,
    personality,
)
from virtwarden.events.interpret.tables import joined_flags, names

Argument = Callable[[str], str]

_CREATES = 0x40
_SET_DEATH_SIGNAL, _READ_BOUND, _DROP_BOUND = 1, 23, 24  # options of prctl(2)
_SET_DESCRIPTOR_FLAGS, _SET_OWNER = 2, 8  # commands of fcntl(2)


def meanings(call: str) -> tuple[Argument | None, ...] | None:
    """What each of the four arguments of a system call means; None where none means anything."""
    found = tuple(_MEANINGS.get((call, index)) for index in range(4))
    return found if any(found) or call in _RULED else None


def told_arguments(call: str, meanings: tuple[Argument | None, ...], values: Sequence[str]) -> list[str]:
    """The four arguments of a system call. What one means may hang on another."""
    said = [
        _meant(meaning, value) if meaning else f"0x{value}"
        for meaning, value in zip(meanings, values, strict=True)
    ]
    if call in _RULED:
        for index, by in _RULED[call]:
            meaning = _ruled(call, _number(values[by]))
            if meaning:
                said[index] = _meant(meaning, values[index])
    return said


def _number(value: str) -> int:
    try:
        return number(value, 16)
    except ValueError:
        return 0


@lru_cache(4096)
def _meant(meaning: Argument, value: str) -> str:
    try:
        return meaning(value)
    except ValueError:
        return value


def _ruled(call: str, ruling: int) -> Argument | None:
    """What an argument means that another one rules."""
    if call == "prctl":
        return {_SET_DEATH_SIGNAL: _signal, _READ_BOUND: _capability, _DROP_BOUND: _capability}.get(ruling)
    if call in ("open", "mq_open"):
        return mode_bits if ruling & _CREATES else None
    if call in ("setsockopt", "getsockopt"):
        return _OPTIONS.get(ruling)
    return {_SET_OWNER: _user, _SET_DESCRIPTOR_FLAGS: _descriptor_flags}.get(ruling)


_RULED: dict[str, tuple[tuple[int, int], ...]] = {
    "prctl": ((1, 0),),
    **dict.fromkeys(("open", "mq_open", "setsockopt", "getsockopt", "fcntl", "fcntl64"), ((2, 1),)),
}
"""Which argument is ruled by which other one."""


def _named(table: str, unknown: str) -> Argument:
    return partial(named, table, unknown, base=16)


def _low_byte(table: str, unknown: str) -> Argument:
    return lambda value: names(table).get(number(value, 16) & 0xFF) or f"{unknown}({value})"


def _flags(table: str) -> Argument:
    return lambda value: joined_flags(table, number(value, 16) & 0xFFFFFFFF) or f"0x{value}"


def _folder(value: str) -> str:
    return "AT_FDCWD" if number(value, 16) & 0xFFFFFFFF == 0xFFFFFF9C else f"0x{value}"


def _clone(value: str) -> str:
    flags = number(value, 16)
    found = joined_flags("clone", flags & 0xFFFFFFFF)
    ends_with = names("signal").get(flags & 0xFF) if flags & 0xFF else None
    return "|".join(filter(None, (found, ends_with))) or f"0x{flags:x}"


def _access(value: str) -> str:
    mode = number(value, 16)
    if not mode & 0xF:
        return "F_OK"
    return "|".join(name for bit, name in ((1, "X_OK"), (2, "W_OK"), (4, "R_OK")) if mode & bit) or f"0x{value}"


def _protection(value: str) -> str:
    mode = number(value, 16)
    found = [name for bit, name in ((1, "PROT_READ"), (2, "PROT_WRITE"), (4, "PROT_EXEC")) if mode & bit]
    return "|".join(found) or "PROT_NONE"


def _policy(value: str) -> str:
    policy = number(value, 16)
    name = names("scheduler").get(policy & 0xF)
    if name is None:
        return f"unknown-scheduler-policy(0x{value})"
    return f"{name}|SCHED_RESET_ON_FORK" if policy & 0x40000000 else name


def _shared_memory(value: str) -> str:
    flags = number(value, 16)
    known = ((0o1000, "IPC_CREAT"), (0o2000, "IPC_EXCL"), (0o4000, "SHM_HUGETLB"), (0o10000, "SHM_NORESERVE"))
    return "|".join([*(name for bit, name in known if flags & bit), f"0{flags & 0o777:03o}"])


def _exit_status(value: str) -> str:
    return {0: "EXIT_SUCCESS", 1: "EXIT_FAILURE"}.get(number(value, 16), "UNKNOWN")


def _descriptor_flags(value: str) -> str:
    return "FD_CLOEXEC" if number(value, 16) == 1 else f"0x{value}"


def _command(table: str, unknown: str) -> Argument:
    return lambda value: names(table).get(number(value, 16)) or f"{unknown}({number(value, 16)})"


def _socket_protocol(value: str) -> str:
    return names("protocol").get(number(value, 16)) or f"unknown-proto({value})"


def _request(value: str) -> str:
    return names("ioctl").get(number(value, 16) & 0xFFFFFFFF) or f"0x{value}"


_user: Argument = partial(named_user, base=16)
_group: Argument = partial(named_group, base=16)
_signal = _named("signal", "unknown-signal")
_capability = _named("capability", "unknown-capability")
_received = _flags("message")
_opened: Argument = partial(open_flags, base=16)

_OPTIONS: dict[int, Argument] = {
    0: _named("option.ip", "unknown-ipopt-name"),
    1: _named("option.socket", "unknown-sockopt-name"),
    6: _named("option.tcp", "unknown-tcpopt-name"),
    17: _named("option.udp", "unknown-udpopt-name"),
    41: _named("option.ipv6", "unknown-ip6opt-name"),
    263: _named("option.packet", "unknown-pktopt-name"),
}


def _all(calls: str, index: int, meaning: Argument) -> dict[tuple[str, int], Argument]:
    return {(call, index): meaning for call in calls.split()}


_IN_FOLDERS = (
    "renameat renameat2 readlinkat mkdirat mknodat fchownat futimesat fchmodat fchmodat2 faccessat faccessat2 "
    "futimensat unlinkat utimensat linkat newfstatat fstatat64 openat openat2 name_to_handle_at"
)

_MEANINGS: dict[tuple[str, int], Argument] = {
    **_all(_IN_FOLDERS, 0, _folder),
    **_all("setuid setreuid setresuid setfsuid setuid32 setreuid32 setresuid32 setfsuid32", 0, _user),
    **_all("setgid setregid setresgid setfsgid setgid32 setregid32 setresgid32 setfsgid32", 0, _group),
    **_all("exit exit_group", 0, _exit_status),
    **_all("setrlimit getrlimit", 0, _named("limit", "unknown-rlimit")),
    ("rt_sigaction", 0): _signal,
    ("clock_settime", 0): _named("clock", "unknown-clk_id"),
    ("personality", 0): personality,
    ("ptrace", 0): _named("ptrace", "unknown-ptrace"),
    ("prctl", 0): _named("prctl", "unknown-prctl-option"),
    ("unshare", 0): _clone,
    ("socket", 0): _named("family", "unknown-family"),
    ("socketcall", 0): _named("socketcall", "unknown-socketcall"),
    ("bpf", 0): _named("bpf", "unknown-bpf-cmd"),
    **_all("chmod fchmod creat mkdir", 1, mode_bits),
    **_all("fcntl fcntl64", 1, _command("fcntl", "unknown-fcntl-command")),
    **_all("chown chown32 lchown lchown32 fchown fchown32 setreuid setresuid setreuid32 setresuid32", 1, _user),
    **_all("setregid setresgid setregid32 setresgid32", 1, _group),
    **_all("setsockopt getsockopt", 1, _named("level", "unknown-sockopt-level")),
    **_all("kill tkill", 1, _signal),
    **_all("open mq_open", 1, _opened),
    ("fsconfig", 1): _command("fsconfig", "unknown-fsconfig-operation"),
    ("socket", 1): _low_byte("sockettype", "unknown-type"),
    ("setns", 1): _clone,
    ("sched_setscheduler", 1): _policy,
    ("mknod", 1): partial(file_mode, base=16),
    ("access", 1): _access,
    ("epoll_ctl", 1): _command("epoll", "unknown-epoll_ctl-operation"),
    ("umount2", 1): _flags("umount"),
    ("ioctl", 1): _request,
    **_all("openat open_by_handle_at", 2, _opened),
    **_all("fchmodat mkdirat mknodat", 2, mode_bits),
    **_all("faccessat faccessat2", 2, _access),
    **_all("sendmsg recvmsg", 2, _received),
    **_all("readlinkat renameat renameat2 linkat move_mount", 2, _folder),
    **_all("clone clone2", 2, _clone),
    **_all("mmap mprotect", 2, _protection),
    ("fsmount", 2): _flags("mount"),
    ("setresuid", 2): _user,
    ("setresgid", 2): _group,
    ("socket", 2): _socket_protocol,
    ("shmget", 2): _shared_memory,
    ("lseek", 2): _low_byte("seek", "unknown-whence"),
    ("tgkill", 2): _signal,
    **_all("chown chown32 lchown lchown32 fchown fchown32", 2, _group),
    ("fchownat", 2): _user,
    ("fchownat", 3): _group,
    ("mmap", 3): map_flags,
    ("mount", 3): _flags("mount"),
    **_all("recv recvfrom recvmmsg send sendto sendmmsg", 3, _received),
}
