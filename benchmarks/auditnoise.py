"""What fills an audit log besides guests: events as text, ready but for their ids and process ids.

Each event is made of records of which `@ID@` and `@PID@` stand for what the writer fills in; a pool of many thousand is
made at the beginning, with values of its own each, so that writing a log of a gigabyte is replacing and joining.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

UNSET = 4294967295
KEYS = (
    "virt_tls_privkey", "virt_tls_cert", "virt_libvirt_cfg", "virt_image_change", "virt_runtime_change",
    "virt_log_change", "virt_libvirtd_exec", "virt_qemu_exec",
)  # fmt: skip
_PROGRAMS = (
    "cat", "sshd", "cron", "rsync", "postgres", "nginx", "python3", "bash", "systemd", "chronyd", "sed", "make",
)  # fmt: skip
_TYPES = ("httpd_t", "sshd_t", "chronyd_t", "postgresql_t", "cupsd_t", "logrotate_t")
_CALLS = ((257, "openat"), (59, "execve"), (82, "rename"), (87, "unlink"), (90, "chmod"), (42, "connect"))
_SYSTEM = "/usr/lib/systemd/systemd"


@dataclass(frozen=True, slots=True)
class Event:
    """An event's text, whole lines, and how many records it has."""

    text: bytes
    records: int


class Noise:
    """Makes events of a host; `names` turns a uid into what an ENRICHED record calls it."""

    def __init__(self, chance: Random, *, enriched: bool, unknown_uids: bool) -> None:
        self.chance, self.enriched = chance, enriched
        self.uids = range(60000, 64000) if unknown_uids else (0, 0, 0, 0, 33, 33, 1, 2, 65534)

    def pool(self, size: int) -> list[Event]:
        """So many events in the mix of a busy host: mostly watched system calls and what programs tell."""
        kinds: list[tuple[int, Callable[[], list[str]]]] = [
            (50, self._call), (8, self._command), (12, self._pam), (9, self._service), (7, self._crypto),
            (5, self._login), (4, self._config), (4, self._bpf), (1, self._avc),
        ]  # fmt: skip
        makers = self.chance.choices([make for _, make in kinds], [weight for weight, _ in kinds], k=size)
        return [_event(make()) for make in makers]

    def anomalies(self, size: int) -> list[Event]:
        """ANOM_* that belong to no guest."""
        return [_event(self._anomaly()) for _ in range(size)]

    def call(self, key: str, *, number: int | None = None) -> list[str]:
        """A watched system call with its companions."""
        chance = self.chance
        number, name = chance.choice(_CALLS) if number is None else (number, "execve")
        program, uid, auid = chance.choice(_PROGRAMS), self.uid(), self.auid()
        ids = " ".join(
            f"{field}={uid}" for field in ("uid", "gid", "euid", "suid", "fsuid", "egid", "sgid", "fsgid")
        )
        fields = (
            f"arch=c000003e syscall={number} success=yes exit={chance.randrange(64)} a0=ffffff9c "
            f"a1={chance.getrandbits(47):x} a2={chance.getrandbits(20):x} a3=0 items=1 ppid={chance.randrange(30000)} "
            f"pid=@PID@ auid={auid} {ids} tty=(none) ses={chance.randrange(1, 900)} "
            f'comm="{program}" exe="/usr/bin/{program}" subj=system_u:system_r:{chance.choice(_TYPES)}:s0 key={key}'
        )
        named = " ".join(
            f'{field}="{_name(uid)}"' for field in ("UID", "GID", "EUID", "SUID", "FSUID", "EGID", "SGID", "FSGID")
        )
        return [
            self.line("SYSCALL", fields, f'ARCH=x86_64 SYSCALL={name} AUID="{_name(auid)}" {named}'),
            *([self._argv(program)] if number == 59 else []),
            self.line("CWD", f'cwd="/srv/{program}/{chance.randrange(5000)}"'),
            self._path(),
            self.line("PROCTITLE", f"proctitle={self._title(program)}"),
        ]

    def line(self, kind: str, fields: str, added: str = "") -> str:
        """One record."""
        more = f"\x1d{added}" if self.enriched and added else ""
        return f"type={kind} msg=audit(@ID@): {fields}{more}\n"

    def told(self, kind: str, message: str, exe: str, *, outcome: str = "success", subject: str = "init_t") -> str:
        """A record that a program sends."""
        uid, auid = self.uid(), self.auid()
        head = f"pid=@PID@ uid={uid} auid={auid} ses={UNSET} subj=system_u:system_r:{subject}:s0"
        tail = f'exe="{exe}" hostname=? addr=? terminal=? res={outcome}'
        return self.line(kind, f"{head} msg='{message} {tail}'", f'UID="{_name(uid)}" AUID="{_name(auid)}"')

    def uid(self) -> int:
        """Somebody."""
        return self.chance.choice(self.uids)

    def auid(self) -> int:
        """Whom somebody logged in as."""
        return UNSET if self.chance.random() < 0.5 else self.uid()

    def _call(self) -> list[str]:
        keyed = self.chance.random() < 0.1
        return self.call(f'"{self.chance.choice(KEYS)}"' if keyed else "(null)")

    def _command(self) -> list[str]:
        return self.call("(null)", number=59)

    def _argv(self, program: str) -> str:
        words = [program, *(f"--option{self.chance.randrange(10**6)}" for _ in range(self.chance.randrange(1, 6)))]
        return self.line(
            "EXECVE", f"argc={len(words)} " + " ".join(f'a{at}="{word}"' for at, word in enumerate(words))
        )

    def _path(self) -> str:
        chance, owner = self.chance, self.uid()
        fields = (
            f'item=0 name="/srv/data/{chance.getrandbits(40):x}/file{chance.randrange(10**6)}" '
            f"inode={chance.randrange(10**7)} dev=fd:00 mode=0100644 ouid={owner} ogid={owner} rdev=00:00 "
            "obj=system_u:object_r:var_t:s0 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
        )
        return self.line("PATH", fields, f'OUID="{_name(owner)}" OGID="{_name(owner)}"')

    def _title(self, program: str) -> str:
        return f"{program}\0--serve\0{self.chance.getrandbits(400):x}".encode().hex().upper()

    def _pam(self) -> list[str]:
        kind, op = self.chance.choice(
            (
                ("USER_ACCT", "accounting"), ("CRED_ACQ", "setcred"), ("CRED_REFR", "setcred"),
                ("CRED_DISP", "setcred"), ("USER_START", "session_open"), ("USER_END", "session_close"),
                ("USER_AUTH", "authentication"),
            )
        )  # fmt: skip
        message = f'op=PAM:{op} grantors=pam_unix,pam_permit acct="user{self.chance.randrange(10**4)}"'
        return [self.told(kind, message, "/usr/sbin/sshd", subject="sshd_t")]

    def _service(self) -> list[str]:
        kind = self.chance.choice(("SERVICE_START", "SERVICE_STOP"))
        return [self.told(kind, f'unit=job{self.chance.randrange(10**5)} comm="systemd"', _SYSTEM)]

    def _crypto(self) -> list[str]:
        message = (
            f"op=destroy kind=server fp=SHA256:{self.chance.getrandbits(256):064x} direction=? "
            f"spid={self.chance.randrange(30000)} suid=0 "
        )
        return [self.told("CRYPTO_KEY_USER", message, "/usr/sbin/sshd", subject="sshd_t")]

    def _login(self) -> list[str]:
        uid, auid = self.uid(), self.uid()
        fields = f"pid=@PID@ uid={uid} old-auid={UNSET} auid={auid} tty=(none) old-ses={UNSET} ses=1 res=1"
        return [self.line("LOGIN", fields, f'UID="{_name(uid)}" OLD-AUID="unset" AUID="{_name(auid)}"')]

    def _config(self) -> list[str]:
        fields = f"op=set audit_backlog_limit=8192 old=64 auid={UNSET} ses={UNSET} res=1"
        return [self.line("CONFIG_CHANGE", fields, 'AUID="unset"')]

    def _bpf(self) -> list[str]:
        return [self.line("BPF", f"prog-id={self.chance.randrange(9000)} op=LOAD"), *self.call("(null)")[:1]]

    def _avc(self) -> list[str]:
        chance = self.chance
        fields = (
            f"avc:  denied  {{ {chance.choice(('read', 'write', 'getattr', 'open'))} }} for  pid=@PID@ "
            f'comm="{chance.choice(_PROGRAMS)}" name="file{chance.randrange(10**6)}" dev="dm-0" '
            f"ino={chance.randrange(10**7)} scontext=system_u:system_r:{chance.choice(_TYPES)}:s0 "
            "tcontext=system_u:object_r:var_t:s0 tclass=file permissive=0"
        )
        return [self.line("AVC", fields), *self.call("(null)")]

    def _anomaly(self) -> list[str]:
        program = self.chance.choice(_PROGRAMS)
        fields = (
            f"auid={UNSET} uid=0 gid=0 ses={UNSET} subj=system_u:system_r:init_t:s0 pid=@PID@ "
            f'comm="{program}" exe="/usr/bin/{program}" sig=11 res=1'
        )
        return [self.line("ANOM_ABEND", fields, 'AUID="unset" UID="root" GID="root"')]


def _event(lines: list[str]) -> Event:
    return Event("".join(lines).encode(), len(lines))


def _name(uid: int) -> str:
    known = {UNSET: "unset", 0: "root", 1: "daemon", 2: "bin", 33: "www-data", 65534: "nobody"}
    return known.get(uid, f"unknown({uid})")


def each(lines: list[str]) -> Iterator[Event]:
    """Records that are events of their own."""
    return (_event([line]) for line in lines)
