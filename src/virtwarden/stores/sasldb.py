"""SASL's database of users: listed, added to and taken from, by SASL's own programs on a private copy.

The database holds what is as good as the passwords. It is copied beside its place for its owner alone, changed there
and put back in one step, so that nobody sees half of it and nobody else can open it, not even for a moment.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs, Said

_SET, _LIST = "saslpasswd2", "sasldblistusers2"
_PACKAGES = "install sasl2-bin on Debian and Ubuntu, cyrus-sasl on Fedora and RHEL, cyrus-sasl-saslauthd on SUSE"
_ROW = re.compile(r"(?P<user>.+)@(?P<realm>[^@]*): (?P<property>\S+)\Z")
_LABEL = "security.selinux"
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class SaslUser:
    """A user as the database has him; SASL looks him up by both."""

    name: str
    realm: str

    def __str__(self) -> str:
        return f"{self.name}@{self.realm}"


@dataclass(frozen=True, slots=True)
class SaslDatabase:
    """The database at `path` of the service `libvirt` or `qemu`. The group of number `readers` may read it; 0 lets
    root alone."""

    path: str
    service: str
    programs: Programs
    readers: int = 0

    def users(self) -> tuple[SaslUser, ...]:
        """All users, sorted; none where there is no database. Raises `StoreError`."""
        try:
            os.lstat(self.path)
        except FileNotFoundError:
            return ()
        except OSError as refused:
            raise StoreError(f"{self.path}: {(refused.strerror or str(refused)).lower()}") from None
        return _users(self.programs, self.path, self.path)

    def add(self, name: str, password: bytes, realm: str = "") -> SaslUser:
        """Give a user this password, whether he is new or not; what he is called in the database. Raises
        `StoreError`."""
        require_name(name)
        user = SaslUser(name, realm or usual_realm())
        with self._changing() as (copy, programs):
            argv = (_SET, "-p", "-c", "-a", self.service, "-f", copy, "-u", user.realm, "--", name)
            _must(programs, self.path, argv, password.decode("utf-8", "surrogateescape"))
            if user not in _users(programs, copy, self.path):
                raise StoreError(f"{_SET} said nothing, but {user} is not in {self.path}")
        return user

    def remove(self, name: str, realm: str = "") -> SaslUser:
        """Take a user out; what he was called. Raises `StoreError` where there is no such user, or several."""
        require_name(name)
        with self._changing() as (copy, programs):
            known = _users(programs, copy, self.path) if os.path.exists(copy) else ()
            found = [user for user in known if user.name == name and realm in ("", user.realm)]
            if not found:
                raise StoreError(f"there is no user {name}{f'@{realm}' if realm else ''} in {self.path}")
            if len(found) > 1:
                raise StoreError(f"{self.path} has {' and '.join(map(str, found))}; say which with --realm")
            argv = (_SET, "-d", "-a", self.service, "-f", copy, "-u", found[0].realm, "--", name)
            _must(programs, self.path, argv)
            if found[0] in _users(programs, copy, self.path):
                raise StoreError(f"{_SET} said nothing, but {found[0]} is still in {self.path}")
        return found[0]

    @contextmanager
    def _changing(self) -> Iterator[tuple[str, Programs]]:
        """A private copy of the database to be changed, and the programs to do it with; put in place at the end."""
        programs = replace(self.programs, umask=0o077)
        for program in (_SET, _LIST):
            if programs.finds(program) is None:
                raise StoreError(f"{program} is not installed; {_PACKAGES}")
        directory, name = os.path.split(self.path)
        try:
            with _locked(directory):
                folder = f"{directory}/.{name}.virt-warden"
                shutil.rmtree(folder, ignore_errors=True)  # what a killed predecessor left
                os.mkdir(folder, 0o700)
                try:
                    copy = f"{folder}/{name}"
                    _copy(self.path, copy)
                    yield copy, programs
                    self._put(copy)
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
        except OSError as refused:
            raise StoreError(
                f"{refused.filename or self.path}: {(refused.strerror or str(refused)).lower()}"
            ) from None

    def _put(self, copy: str) -> None:
        """Give the copy its owner and put it in the database's place."""
        descriptor = os.open(copy, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(descriptor, 0, self.readers)
            os.fchmod(descriptor, 0o640 if self.readers else 0o600)
            _keep_label(self.path, descriptor)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.rename(copy, self.path)
        _sync(os.path.dirname(self.path))


def require_name(name: str) -> None:
    """Raises `StoreError` for a name that SASL's programs would take for something else."""
    plain = name.isprintable() and not any(each.isspace() or each in "@\\" for each in name)
    if not name or not plain or name.startswith("-") or len(name.encode("utf-8", "surrogateescape")) > _LONGEST:
        raise StoreError(f"{name!r} is no name for a user: it has no blanks, no @ (say --realm) and no - in front")


def usual_realm() -> str:
    """The realm in which SASL's library looks for a user who names none: the host's full name in lower case. SASL's
    program would take the short one, where nobody is looked for."""
    name = socket.gethostname()
    if "." not in name:
        with suppress(OSError):
            name = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_CANONNAME)[0][3] or name
    return name.lower()


def _users(programs: Programs, path: str, shown: str) -> tuple[SaslUser, ...]:
    said = _must(programs, shown, (_LIST, "-f", path))
    found = {
        SaslUser(row["user"], row["realm"])
        for line in said.stdout.splitlines()
        if (row := _ROW.match(line)) is not None and row["property"] == "userPassword"
    }
    return tuple(sorted(found, key=str))


def _must(programs: Programs, path: str, argv: tuple[str, ...], given: str = "") -> Said:
    if programs.finds(argv[0]) is None:
        raise StoreError(f"{argv[0]} is not installed; {_PACKAGES}")
    said = programs.ask(argv, given)
    if said.code != 0 or "failed" in said.stderr:  # the lister ends with 0 even where it could not read
        raise StoreError(f"{argv[0]} refuses {path}: {said.complaint}")
    return said


def _copy(path: str, copy: str) -> None:
    """Copy the database to a file that its owner alone may open; nothing where there is none yet."""
    try:
        source = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    except OSError as refused:
        if refused.errno == errno.ELOOP:
            raise StoreError(f"{path} is a link; name the file itself as sasldb_path") from None
        raise
    with os.fdopen(source, "rb") as old:
        if not stat.S_ISREG(os.fstat(source).st_mode):
            raise StoreError(f"{path} is no regular file")
        made = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(made, "wb") as new:
            shutil.copyfileobj(old, new)
    if Path(copy).stat().st_size == 0:
        os.unlink(copy)  # a file without anything in it is no database yet


@contextmanager
def _locked(directory: str) -> Iterator[None]:
    """One change of a database at a time."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _keep_label(path: str, descriptor: int) -> None:
    with suppress(OSError):  # no old file, or no labels here
        os.setxattr(descriptor, _LABEL, os.getxattr(path, _LABEL))


def _sync(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
