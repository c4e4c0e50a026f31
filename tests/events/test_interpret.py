"""Records interpreted, beside what the real ausearch says of the same records."""

from __future__ import annotations

import lzma
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.auditlogs import write_log
from tests.events.ctools import ausearch
from virtwarden.events.interpret import Interpreter, accounts
from virtwarden.events.interpret.tables import names, system_calls

RECORDS = Path(__file__).parent / "records"
STAMP = "1795464784.312"


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def said(line: str) -> str:
    return Interpreter().record(line.encode("utf-8", "surrogateescape"))


def fields(text: str, kind: str = "SYSCALL") -> str:
    """What is said of a record's fields, without its head."""
    return said(f"type={kind} msg=audit({STAMP}:5): {text}").partition(") : ")[2]


def lines(text: str) -> Counter[str]:
    return Counter(line.rstrip() for line in text.split("\n") if line not in ("", "----"))


def ours(log: Path) -> Counter[str]:
    interpreter = Interpreter()
    return Counter(interpreter.record(line) for line in log.read_bytes().split(b"\n") if line)


def theirs(log: Path) -> Counter[str]:
    return lines(ausearch(log, "-i"))


def assert_as_named(log: Path) -> Counter[str]:
    """Whatever ausearch has a name for is named so; where it has none, there may be one. Gives what it leaves out."""
    mine, real = ours(log), theirs(log)
    more = mine - real
    for line in real - mine:
        own = [other for other in more if _head(other) == _head(line) and _says_as_much(other, line)]
        assert own, line
        more[own[0]] -= 1
    return +more


def _head(line: str) -> str:
    return line.partition(") ")[0]


def _says_as_much(own: str, line: str) -> bool:
    pairs = list(zip(own.split(" "), line.split(" "), strict=False))
    return len(own.split(" ")) == len(line.split(" ")) and all(
        mine == word or re.match(r"(a\d|syscall)=(0x|unknown-)", word) for mine, word in pairs
    )


@pytest.mark.parametrize(("name", "left_out_by_it"), [("apparmor", 76), ("selinux-permissive", 0)])
def test_every_line_that_ausearch_prints_of_a_real_log_is_printed(
    tmp_path: Path, name: str, left_out_by_it: int
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(lzma.decompress((RECORDS / f"{name}.log.xz").read_bytes()))
    assert ours(log).total() > 400
    left_out = assert_as_named(log)
    assert left_out.total() == left_out_by_it, "ausearch leaves out events with AVCs of AppArmor"


@pytest.mark.parametrize("enriched", [True, False])
def test_every_line_of_a_busy_host_is_as_ausearch_says(tmp_path: Path, enriched: bool) -> None:
    log = tmp_path / "audit.log"
    write_log(log, 1 << 20, virt_share=0.2, guests=20, enriched=enriched)
    log.write_bytes(log.read_bytes().rpartition(b"\ntype=SYSCALL")[0] + b"\n")  # the last event may be cut off
    mine, real = ours(log), theirs(log)
    assert real.total() > 3000
    assert not real - mine
    assert (mine - real).total() < 20


CALLS: list[tuple[str, int, list[int], dict[int, int]]] = [
    ("access", 1, [*range(8)], {}),
    ("bpf", 0, [*range(24)], {}),
    ("chmod", 1, [0, 0o644, 0o4755, 0o1777, 0o6755], {}),
    ("chown", 1, [0, 1, 0xFFFFFFFF, 4242], {}),
    ("clock_settime", 0, [*range(7)], {}),
    ("clone", 2, [1 << bit for bit in range(32)] + [0x11, 0x1200011], {}),
    ("epoll_ctl", 1, [1, 2, 3, 7], {}),
    ("exit", 0, [0, 1, 2], {}),
    ("faccessat", 2, [*range(8)], {}),
    ("fchmodat", 2, [0o644], {}),
    ("fcntl", 1, [*range(18), *range(1024, 1027), *range(1029, 1039), 99], {}),
    ("fcntl", 2, [0, 1, 2], {1: 2}),
    ("fcntl", 2, [0, 1], {1: 8}),
    ("fcntl", 2, [0, 1], {1: 4}),
    ("ioctl", 1, [0x5401, 0x5413, 0x8927, 0xAE80, 0x80045430], {}),
    ("kill", 1, [*range(30), 31, 40], {}),
    ("lseek", 2, [*range(6)], {}),
    ("mkdir", 1, [0o755], {}),
    ("mkdirat", 0, [0xFFFFFF9C, 3, 0xFFFFFFFFFFFFFF9C], {}),
    ("mknod", 1, [0o20644, 0o60660, 0o10600], {}),
    ("mmap", 2, [0, 1, 3, 5, 7, 8], {}),
    ("mmap", 3, [0, 1, 2, 0x22, 0x812, 0x4022, 0x20022, 4], {}),
    ("mount", 3, [0, 1, 0x1000, 0x5001, 0x100000, 1 << 31], {}),
    ("mprotect", 2, [0, 1, 3, 7], {}),
    ("open", 1, [0, 1, 2, 0x41, 0x241, 0x80000, 0x90800], {}),
    ("open", 2, [0o644, 0o600], {1: 0x41}),
    ("open", 2, [0o644], {1: 0}),
    ("openat", 2, [0, 1, 2, 3, *(1 << bit for bit in range(2, 32))], {}),
    ("personality", 0, [0, 6, 8, 0x40000, 0x40008, 5], {}),
    ("prctl", 0, [*range(1, 17), *range(19, 57)], {}),
    ("prctl", 1, [0, 21, 40], {0: 24}),
    ("prctl", 1, [9, 15], {0: 1}),
    ("ptrace", 0, [*range(34), *range(0x4200, 0x420F), 99], {}),
    ("recvmsg", 2, [0, 1, 0x40, 0x4040, 1 << 30], {}),
    ("renameat", 2, [0xFFFFFF9C, 5], {}),
    ("rt_sigaction", 0, [1, 17], {}),
    ("sched_setscheduler", 1, [0, 1, 2, 3, 5, 6, 0x40000001, 9], {}),
    ("sendto", 3, [0, 0x4000], {}),
    ("setgid", 0, [0, 1, 4242], {}),
    ("setns", 1, [0x40000000, 0], {}),
    ("setresuid", 2, [0, 1], {}),
    ("setrlimit", 0, [*range(16), 20], {}),
    ("setsockopt", 1, [0, 1, 6, 17, 41, 58, 255, 263, 270, 99], {}),
    *[("setsockopt", 2, [*range(1, 30)], {1: level}) for level in (0, 1, 6, 17, 41, 263, 270)],
    ("setuid", 0, [0, 1, 4242], {}),
    ("shmget", 2, [0o600, 0o1600, 0o3600, 0o4600, 0o10600], {}),
    ("socket", 0, [*range(1, 27), *range(29, 45)], {}),
    ("socket", 1, [1, 2, 3, 4, 5, 6, 10, 0x80001, 9], {}),
    ("socket", 2, [0, 1, 6, 17, 58], {}),
    ("tgkill", 2, [9], {}),
    ("umount2", 1, [0, 1, 2, 4, 8], {}),
    ("unlinkat", 0, [0xFFFFFF9C], {}),
    ("unshare", 0, [0x20000, 0x10000000], {}),
]


def test_arguments_of_system_calls_are_named_as_ausearch_names_them(tmp_path: Path) -> None:
    numbers = {name: number for number, name in system_calls("x86_64").items()}
    made: list[str] = []
    for call, index, values, others in CALLS:
        for value in values:
            arguments = " ".join(f"a{i}={value if i == index else others.get(i, 0):x}" for i in range(4))
            made.append(
                f"type=SYSCALL msg=audit({STAMP}:{len(made) + 1}): arch=c000003e syscall={numbers[call]} "
                f"success=yes exit=0 {arguments} items=0 ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 "
                'sgid=0 fsgid=0 tty=(none) ses=4294967295 comm="x" exe="/bin/x" subj=unconfined key=(null)'
            )
    log = tmp_path / "audit.log"
    log.write_text("\n".join(made) + "\n")
    assert_as_named(log)


def test_system_calls_of_every_architecture_have_the_names_that_ausearch_gives(tmp_path: Path) -> None:
    machines = {
        "c000003e": "x86_64",
        "40000003": "i386",
        "c00000b7": "aarch64",
        "80000016": "s390x",
        "c0000015": "ppc64",
    }
    made = [
        f"type=SYSCALL msg=audit({STAMP}:{machine}{number:03}): arch={arch} syscall={number} success=yes exit=0 a0=0 "
        "a1=0 a2=0 a3=0 items=0 ppid=1 pid=2 auid=0 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) "
        'ses=1 comm="x" exe="/bin/x" key=(null)'
        for machine, arch in enumerate(machines, 1)
        for number in range(460)
    ]
    log = tmp_path / "audit.log"
    log.write_text("\n".join(made) + "\n")
    assert_as_named(log)
    assert sum("unknown-syscall" not in line for line in theirs(log)) > 1700


def test_modes_names_capabilities_and_owners_of_files_are_told_as_ausearch_tells_them(tmp_path: Path) -> None:
    modes = [
        "0100644",
        "040755",
        "0120777",
        "060660",
        "020666",
        "010644",
        "0140755",
        "0104755",
        "0102755",
        "041777",
        "0",
    ]
    names_of = ['"/etc/passwd"', "2F746D702F6120622E747874", "(null)", "2F746D702FC3A9"]
    caps = ["0", "1", "000001ffffffffff", "0000000000003000"]
    log = tmp_path / "audit.log"
    log.write_text(
        "".join(
            f"type=SYSCALL msg=audit({STAMP}:{serial}): arch=c000003e syscall=2 success=no exit={-serial} a0=1 "
            "a1=0 a2=0 a3=0 items=1 ppid=1 pid=2 auid=1 uid=2 gid=3 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 "
            f'tty=pts0 ses=3 comm="x" exe="/bin/x" key="virt_{serial}"\n'
            f"type=PATH msg=audit({STAMP}:{serial}): item=0 name={names_of[serial % 4]} inode=1 dev=fd:00 "
            f"mode={modes[serial % 11]} ouid=0 ogid=33 rdev=00:00 nametype=NORMAL cap_fp={caps[serial % 4]} cap_fi=0\n"
            f"type=PROCTITLE msg=audit({STAMP}:{serial}): proctitle=6C73002D6C\n"
            for serial in range(1, 133)
        )
    )
    assert ours(log) == theirs(log)


@pytest.mark.parametrize(
    "saddr",
    [
        "01002F72756E2F6C6962766972742F6C6962766972742D736F636B00",
        "0100002F6162737472616374",
        "020000357F0000010000000000000000",
        "0A0001BB0000000020010DB800000000000000000000000100000000",
        "100000000000000000000000",
        "100000000102000000000000",
        "0200",
        "63",
        "FF00FF00",
        "1100000000",
    ],
)
def test_addresses_are_told_as_ausearch_tells_them(tmp_path: Path, saddr: str) -> None:
    log = tmp_path / "audit.log"
    log.write_text(
        f"type=SYSCALL msg=audit({STAMP}:1): arch=c000003e syscall=42 success=yes exit=0 a0=1 a1=0 a2=0 a3=0 items=0 "
        'ppid=1 pid=2 auid=1 uid=2 gid=3 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=pts0 ses=3 comm="x" '
        f'exe="/bin/x" key=(null)\ntype=SOCKADDR msg=audit({STAMP}:1): saddr={saddr}\n'
    )
    if saddr == "63":
        assert "saddr=63" in "".join(ours(log))
    else:
        assert ours(log) == theirs(log)


def test_a_socket_without_a_name_is_no_broken_one() -> None:
    assert fields("saddr=0100", "SOCKADDR") == "saddr={ saddr_fam=local unnamed socket }"


def test_a_record_s_own_names_count_before_those_of_this_host() -> None:
    told = fields('auid=4711 uid=0 syscall=1\x1dAUID="carol" UID="root"', "USER_CMD")
    assert told == "auid=carol uid=root syscall=1"


def test_a_user_without_a_name_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def getpwuid(number: int) -> None:
        asked.append(number)
        raise KeyError(number)

    accounts.user.cache_clear()
    monkeypatch.setattr("pwd.getpwuid", getpwuid)
    monkeypatch.setattr(accounts, "_is_local", lambda _: False)
    interpreter = Interpreter()
    for serial in range(100):
        line = f"type=USER_CMD msg=audit({STAMP}:{serial}): pid={serial} uid=987654 auid=987654 ses=1"
        assert "uid=unknown(987654)" in interpreter.record(line.encode())
    accounts.user.cache_clear()
    assert asked == [987654]


@pytest.mark.parametrize(
    ("said_by_it", "local"),
    [
        ("passwd: files systemd\n", True),
        ("passwd:\tfiles sss # x\n", False),
        ("group: files\n", False),
        (None, False),
    ],
)
def test_names_are_read_at_once_only_where_they_are_all_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said_by_it: str | None, local: bool
) -> None:
    monkeypatch.setattr(accounts, "_NAME_SERVICES", str(tmp_path / "nsswitch.conf"))
    if said_by_it is not None:
        (tmp_path / "nsswitch.conf").write_text(said_by_it)
    accounts._is_local.cache_clear()
    assert accounts._is_local("passwd") is local
    accounts._is_local.cache_clear()


def test_several_keys_are_told_one_by_one() -> None:
    assert fields("key=766972745F696D61676501766972745F6C6F67", "CONFIG_CHANGE") == "key=virt_image key=virt_log"


def test_what_is_said_behind_a_quote_stays() -> None:
    assert (
        fields("uid=0 msg='op=start vm=\"web\" res=success'", "VIRT_CONTROL")
        == "uid=root msg='op=start vm=web res=success'"
    )


def test_a_quoted_value_with_blanks_is_one_value() -> None:
    assert fields('info="AppArmor is on" pid=1', "AVC") == "info=AppArmor is on pid=1"


@pytest.mark.parametrize(
    "text", ["uid=alice", "sig=KILL", "mode=rwx", "saddr=xyz", "cap_fp=none", "exit=?", "name=ABC"]
)
def test_what_has_not_the_form_that_is_due_stays_as_it_is(text: str) -> None:
    assert fields(text, "USER") == text


def test_text_behind_the_last_field_is_kept() -> None:
    assert fields("op=x res=1 and more words", "USER") == "op=x res=yes and more words"


def test_a_nul_within_a_string_hides_nothing() -> None:
    assert fields("name=2F746D70002F62", "PATH") == r"name=/tmp\000/b"


def test_signal_30_has_its_name() -> None:
    assert names("signal")[30] == "SIGPWR"


def test_the_host_before_a_record_stays() -> None:
    assert (
        said(f"node=kvm1 type=USER msg=audit({STAMP}:5): uid=0")
        == "node=kvm1 type=USER msg=audit(11/23/26 20:13:04.312:5) : uid=root"
    )


@pytest.mark.parametrize("line", ["", "no record", "type=AVC", "type=AVC msg=audit(", "type=AVC msg=audit(5"])
def test_what_is_no_record_comes_back(line: str) -> None:
    assert said(line) == line


def test_a_stamp_that_is_none_stays() -> None:
    assert said("type=AVC msg=audit(99999999999999999.1:5): uid=0").startswith(
        "type=AVC msg=audit(99999999999999999.1:5) :"
    )


NAMES = [
    "arch", "syscall", "a0", "a1", "uid", "auid", "saddr", "mode", "name", "key", "proctitle", "exit", "res", "cap_fp",
    "capability", "sig", "flags", "oflag", "per", "x",
]  # fmt: skip


@given(
    st.sampled_from(["SYSCALL", "PATH", "EXECVE", "SOCKADDR", "AVC", "SECCOMP", "URINGOP", "USER_CMD"]),
    st.lists(
        st.tuples(st.sampled_from(NAMES), st.text("0123456789abcdefABCDEF\"'(){}-=\x1d\x01 x\udcff")), max_size=8
    ),
    st.text(max_size=20),
)
def test_no_record_is_too_strange(kind: str, pairs: list[tuple[str, str]], added: str) -> None:
    text = " ".join(f"{name}={value}" for name, value in pairs)
    line = f"type={kind} msg=audit({STAMP}:5): {text}\x1d{added}".encode(
        "utf-8", "surrogateescape" if not re.search("[\ud800-\udc7f\udd00-\udfff]", added) else "replace"
    )
    assert Interpreter().record(line).startswith(f"type={kind} msg=audit(")


def test_interpreting_remembers_within_bounds() -> None:
    interpreter = Interpreter()
    for number in range(120_000):
        interpreter.record(f"type=USER msg=audit({STAMP}:{number}): word{number}=x uid=0".encode())
    assert sum(map(len, interpreter._memories.values())) <= 50_010
