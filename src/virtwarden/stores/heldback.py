"""New clients of one of libvirt's daemons are held back for a moment, and let in again whatever becomes of us.

They are not refused: a daemon that has as many clients as it may does not accept more, so they wait in the kernel's
queue. The daemon's limits are lowered for that, and raised again by a process of its own, which does so too when we
are killed. Where that one is killed as well, a note below /run tells whoever comes next what they were.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from virtwarden.sources.process import environment
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs, Said

NOTES = "/run/virt-warden/held-back"
"""The folder of the notes, a file each daemon."""
_SOCKET = "/run/libvirt/libvirt-sock"
_PID_FILES = ("/run/{}.pid", "/run/libvirt/{}.pid")
_PATIENCE, _PAUSE = 5.0, 0.05
_LIMIT = re.compile(r"^(nclients_max|nclients_unauth_max)\s*:\s*(\d+)\s*$", re.MULTILINE)
_ASK_HOW_TO_LOG_IN = struct.pack(">7I", 28, 0x20008086, 1, 66, 0, 1, 0)  # libvirt's REMOTE_PROC_AUTH_LIST
_RAISE_AGAIN = """\
trap '' HUP INT TERM
read -r _ || sleep 0.3
note=$1; shift
"$@" >&2 && rm -f "$note"
"""


class Limits(Struct, frozen=True):
    """How many clients a daemon takes, in all and before they have logged in; of which process of it that was told."""

    clients: int
    unknown: int
    daemon: str = ""

    def set_by(self, name: str) -> tuple[str, ...]:
        """The command that has the daemon of this name keep to them. Both at once: never may there be fewer clients
        in all than before they have logged in."""
        words = ("--max-clients", str(self.clients), "--max-unauth-clients", str(self.unknown))
        return *_admin(name), "server-clients-set", name, *words


_LEAST = Limits(1, 1)


@dataclass(frozen=True, slots=True)
class Door:
    """The way into one of libvirt's daemons. `notes` is the folder of the notes."""

    name: str
    programs: Programs
    notes: Path = Path(NOTES)

    def ask(self, *words: str) -> Said:
        """What the daemon's administration interface says to a command. Raises `StoreError`."""
        return self.programs.ask((*_admin(self.name), *words))

    @contextmanager
    def held(self) -> Iterator[None]:
        """New clients wait as long as this lasts. Raises `StoreError` where the daemon does not do it, or does not let
        them in again."""
        with ExitStack() as at_end:
            lock = at_end.enter_context(self._alone())
            self._mend()
            limits = self._limits()
            self._note(limits)
            at_end.callback(self._require_open)
            at_end.enter_context(self._raised_at_end(limits, lock))
            at_end.enter_context(_one_client())
            said = self.programs.ask(_LEAST.set_by(self.name))
            if said.code != 0:
                raise StoreError(f"{self.name} does not hold back its clients: {said.complaint}")
            yield

    def mend(self) -> bool:
        """Let in again whom an interrupted one of us has held back; whether there was something to do. Raises
        `StoreError`."""
        if not self._path.exists():
            return False
        with self._alone():
            return self._mend()

    @property
    def _path(self) -> Path:
        return self.notes / self.name

    @contextmanager
    def _alone(self) -> Iterator[int]:
        """One at a time, those that raise the limits again for a dead one included."""
        try:
            self.notes.mkdir(0o700, parents=True, exist_ok=True)
            lock = os.open(self.notes / f".{self.name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"{self.notes}: {(error.strerror or str(error)).lower()}") from None
        try:
            if not _in_time(lambda: _locked(lock), 6 * _PATIENCE):
                raise StoreError(f"another process holds back the clients of {self.name}")
            yield lock
        finally:
            os.close(lock)

    def _mend(self) -> bool:
        limits = self._noted()
        if limits is None:
            return False
        is_there = limits.daemon == self._daemon()
        if is_there:  # another one has begun with the limits of its conf file
            self.programs.must(limits.set_by(self.name))
        self._path.unlink(missing_ok=True)
        return is_there

    def _noted(self) -> Limits | None:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Limits)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError:  # it is renamed into its place: a broken one is not ours
            return None
        except OSError as error:
            raise StoreError(f"{self._path}: {(error.strerror or str(error)).lower()}") from None

    def _note(self, limits: Limits) -> None:
        new = self._path.with_name(f".{self.name}.new")
        try:
            new.write_bytes(msgspec.json.encode(limits))
            new.rename(self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: {(error.strerror or str(error)).lower()}") from None

    def _limits(self) -> Limits:
        said = self.ask("server-clients-info", self.name)
        found = {name: int(number) for name, number in _LIMIT.findall(said.stdout)}
        if said.code != 0 or len(found) != 2:
            raise StoreError(f"{self.name} does not tell how many clients it takes: {said.complaint}")
        return Limits(found["nclients_max"], found["nclients_unauth_max"], self._daemon())

    def _daemon(self) -> str:
        """The process that the daemon is now, and when it began; empty where that is not known."""
        for path in (Path(each.format(self.name)) for each in _PID_FILES):
            with suppress(OSError, ValueError, IndexError):
                number = int(path.read_text("ascii"))
                return f"{number} {_began(number)}"
        return ""

    @contextmanager
    def _raised_at_end(self, limits: Limits, lock: int) -> Iterator[None]:
        """A process of its own has the limits raised again as soon as we let go of it or are gone."""
        argv = ("sh", "-c", _RAISE_AGAIN, "virt-warden", str(self._path), *limits.set_by(self.name))
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment(os.environ),
            start_new_session=True,
            pass_fds=(lock, *self.programs.held),
        )
        assert process.stdin is not None
        try:
            yield
        finally:
            with suppress(OSError):
                process.stdin.write(b"\n")
                process.stdin.close()
            try:
                process.wait(6 * _PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _require_open(self) -> None:
        """Raises `StoreError` where the limits are not what they were, though the daemon is the one that it was."""
        limits = self._noted()
        try:
            self._mend()
        except StoreError as wrong:
            command = "" if limits is None else " ".join(limits.set_by(self.name))
            raise StoreError(
                f"{self.name} may let no new clients in ({wrong}); have it do so: {command}"
            ) from None


def doors(programs: Programs, notes: Path = Path(NOTES)) -> Sequence[Door]:
    """The doors of which a note says that they are, or were left, closed."""
    try:
        names = sorted(path.name for path in notes.iterdir() if not path.name.startswith("."))
    except OSError:
        return ()
    return [Door(name, programs, notes) for name in names]


def _admin(name: str) -> tuple[str, ...]:
    return "virt-admin", "--connect", f"{name}:///system"


@contextmanager
def _one_client() -> Iterator[None]:
    """A client of our own, without which one more would be let in. It goes when we do, however we end; where not even
    it is let in, there are others enough."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(_PATIENCE)
        with suppress(OSError):
            wire.connect(_SOCKET)
            wire.sendall(_ASK_HOW_TO_LOG_IN)
            wire.recv(4)
        yield


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _in_time(done: Callable[[], bool], patience: float) -> bool:
    deadline = time.monotonic() + patience
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_PAUSE)
    return True


def _began(number: int) -> str:
    """When a process began, in the kernel's ticks since boot."""
    return Path(f"/proc/{number}/stat").read_text("latin-1").rpartition(")")[2].split()[19]
