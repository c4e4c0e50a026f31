"""The journal: every change of a host is noted before it is made, so that it can be taken back after any accident.

STATE/lock             held while a host is changed, by us and by the programs that we start
STATE/open             a link to the journal of the transaction that is not finished
STATE/key              opens the images in the journals
STATE/journal/ID.jsonl one transaction
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from msgspec import structs

from virtwarden.journal.records import Begun
from virtwarden.journal.sealing import Sealer, sealer_in, synced
from virtwarden.journal.transaction import BadJournal, Status, Transaction, load, now

__all__ = ["BadJournal", "Busy", "Journal", "Status", "Transaction", "now"]

KEPT = timedelta(days=180)
_KEEP_SIZE = 1


class Busy(Exception):
    """Another process changes the host, or a program that it started still does."""


@dataclass(frozen=True, slots=True)
class Journal:
    """The journals in one folder."""

    folder: Path

    def open_transaction(self) -> Transaction | None:
        """The transaction that is not finished. Raises `BadJournal`."""
        try:
            target = os.readlink(self.folder / "open")
        except FileNotFoundError:
            return None
        found = load(self.folder / target, self._sealer())
        return None if found.finished else found

    def begin(self, begun: Begun, room: int = 0) -> Transaction:
        """A new transaction, which is open from now on. `room` is how many bytes its records will need, which the
        disk is made to have. Raises `OSError`."""
        transaction = self._made(begun, room)
        self.reopen(transaction)
        return transaction

    def keep(self, begun: Begun) -> Transaction:
        """A transaction that is never open: one that only keeps what another one overwrites."""
        return self._made(begun, 0)

    def reopen(self, transaction: Transaction) -> None:
        """Say that this transaction is not finished, in one step."""
        temporary = self.folder / ".open"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(f"journal/{transaction.path.name}")
        os.rename(temporary, self.folder / "open")
        synced(self.folder)

    def close(self) -> None:
        """Say that no transaction is open."""
        with suppress(FileNotFoundError):
            (self.folder / "open").unlink()
        synced(self.folder)

    def find(self, id_: str) -> Transaction | None:
        """The transaction of this name, None where there is none. Raises `BadJournal`."""
        path = self.folder / "journal" / f"{id_}.jsonl"
        return load(path, self._sealer()) if "/" not in id_ and path.exists() else None

    def history(self) -> Iterator[Transaction]:
        """All transactions, the latest first. Raises `BadJournal`."""
        folder = self.folder / "journal"
        if not folder.exists():
            return
        for path in sorted(folder.glob("*.jsonl"), key=lambda path: path.stem, reverse=True):
            if path.stat().st_size:  # an empty one was cut short before it began
                yield load(path, self._sealer())

    def expire(self, today: datetime) -> list[str]:
        """Take away journals that are older than is kept, with their images; their names."""
        gone: list[str] = []
        for transaction in list(self.history()):
            if transaction.finished and today - transaction.begun.at > KEPT:
                transaction.path.unlink()
                gone.append(transaction.id)
        return gone

    @contextmanager
    def locked(self, patience: float = 0.0) -> Iterator[int]:
        """Hold the lock, waiting for it as long as `patience` seconds; the file descriptor to be inherited by
        programs. A lock whose holder is gone is free. Raises `Busy` and `OSError`."""
        self._prepare()
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            self._acquire(descriptor, patience)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield descriptor
            os.ftruncate(descriptor, 0)
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            else:
                return
            if time.monotonic() >= deadline:
                raise Busy(_holder(os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()))
            time.sleep(0.1)

    def _prepare(self) -> None:
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        (self.folder / "journal").mkdir(mode=0o700, exist_ok=True)

    def _sealer(self) -> Sealer:
        return sealer_in(self.folder)

    def _made(self, begun: Begun, room: int) -> Transaction:
        self._prepare()
        sealer = self._sealer()
        folder = self.folder / "journal"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        begun, descriptor = _created(folder, begun, flags)
        transaction = Transaction(folder / f"{begun.id}.jsonl", sealer, begun)
        try:
            _reserve(descriptor, room)
            transaction.add(begun)
            synced(folder)
        except BaseException:
            transaction.path.unlink(missing_ok=True)
            raise
        finally:
            os.close(descriptor)
        return transaction


def new_id() -> str:
    """A name for a transaction that begins now; names sort by time."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def _created(folder: Path, begun: Begun, flags: int) -> tuple[Begun, int]:
    for number in range(1, 1000):
        id_ = begun.id if number == 1 else f"{begun.id}-{number:03d}"
        with suppress(FileExistsError):
            return structs.replace(begun, id=id_), os.open(folder / f"{id_}.jsonl", flags, 0o600)
    raise FileExistsError(errno.EEXIST, "there are too many transactions of one second")


def _reserve(descriptor: int, room: int) -> None:
    """Have the disk keep room for what will be noted, so that a full disk stops a change before it begins."""
    if not room:
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(descriptor, _KEEP_SIZE, ctypes.c_long(0), ctypes.c_long(room)) != 0:
        code = ctypes.get_errno()
        if code not in (errno.EOPNOTSUPP, errno.ENOSYS):
            raise OSError(code, os.strerror(code))


def _holder(pid: str) -> str:
    if pid.isdecimal() and Path(f"/proc/{pid}").exists():
        return f"process {pid} is changing this host"
    return "a program that an interrupted process started is still changing this host"
