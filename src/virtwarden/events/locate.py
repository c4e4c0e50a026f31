"""The records of an event by its id, from whichever of a log's files it lies in.

An id is a serial (`4931`), the time with it (`1795464784.312:4931`), or either with the host before it (`host/4931`).
Imports next to nothing, because finding an event takes less time than an import.
"""

from __future__ import annotations

import os

from virtwarden.complaint import Complaint
from virtwarden.events.bisection import Events, Text, Wanted, find, head, ordered, span_of
from virtwarden.events.known import GZIP, XZ, ZSTD

_PACKED = (GZIP, XZ, ZSTD)
_LEEWAY = 3_600_000  # milliseconds by which a record may be older or newer than its file


def wanted(text: str) -> Wanted:
    """The event that an id names. Raises `Complaint`."""
    node, slash, stamp = text.rpartition("/")
    time, colon, serial = stamp.rpartition(":")
    seconds, dot, millis = time.partition(".")
    is_time = not colon or (seconds.isdecimal() and (not dot or (millis.isdecimal() and len(millis) == 3)))
    if not (is_time and serial.isdecimal() and stamp.isascii() and len(stamp) < 48) or bool(node) != bool(slash):
        raise Complaint(f"{text} is no event; write its serial, or its time and serial as in 1795464784.312:4931")
    when = int(seconds) * 1000 + int(millis or 0) if colon else None
    return Wanted(int(serial), when, node or None)


Located = tuple[str, list[bytes]]
"""Whose an event is, where not its records say so but their folder, else nothing; and its records."""


def locate(paths: list[str], event: Wanted, damaged: list[str]) -> list[Located]:
    """Every event that the id names, on each host, its records without their ends. A compressed file that is damaged
    is searched as far as it is sound, and told of in a sentence that is added to `damaged`. Raises `Complaint`."""
    found: list[Located] = []
    for host, files in _by_host(_files(paths)).items():
        theirs = Wanted(event.serial, event.millis, event.node, host)
        events = _of_host(files, theirs, damaged)
        found += [("" if records[0].startswith(b"node=") else host, records) for records in events]
    return found


def _of_host(files: list[str], event: Wanted, damaged: list[str]) -> list[list[bytes]]:
    if event.millis is None:
        return [records for path in files for records in _in_file(path, event, damaged)]
    likely = [path for path in files if _may_have(path, event.millis)]
    for chosen in (likely, [path for path in files if path not in likely]):
        for path in chosen:
            found = _in_file(path, event, damaged)
            if found:
                return found
    return []


def _by_host(files: list[str]) -> dict[str, list[str]]:
    """Logs in several folders are of several machines, named as the folders are, as everywhere; one is of no name."""
    folders = {path: os.path.dirname(os.path.abspath(path)) if path != "-" else "" for path in files}
    if len({folder for folder in folders.values() if folder}) < 2:
        return {"": files}
    hosts: dict[str, list[str]] = {}
    for path, folder in folders.items():
        hosts.setdefault(os.path.basename(folder), []).append(path)
    return hosts


def _files(paths: list[str]) -> list[str]:
    """The files that the paths name, oldest first."""
    found: list[str] = []
    for path in paths:
        names = _rotated(path) if path != "-" else None
        if names is None:
            from virtwarden.events.logs import find as find_logs  # noqa: PLC0415  # for what is compressed or dated

            found += [log.path for log in find_logs([path])]
        else:
            found += names
    return list(dict.fromkeys(found))


def _rotated(path: str) -> list[str] | None:
    """A folder's files as auditd rotates them, or the file itself; None where it takes more to tell."""
    try:
        names = os.listdir(path)
    except NotADirectoryError:
        return [path]
    except OSError as refused:
        raise Complaint(f"{path} cannot be read: {refused.strerror}") from None
    logs = [name for name in names if name.startswith("audit.log")]
    numbers = [name[10:] for name in logs if name != "audit.log"]
    if not logs or not all(number.isdecimal() for number in numbers):
        return None
    older = [f"audit.log.{number}" for number in sorted(numbers, key=int, reverse=True)]
    return [f"{path}/{name}" for name in (*older, *(["audit.log"] if "audit.log" in logs else []))]


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as refused:
        raise Complaint(f"{path} cannot be read: {refused.strerror}") from None


def _is_plain(fd: int) -> bool:
    """Whether a file can be read at any place, and is not compressed."""
    try:
        return not os.pread(fd, 6, 0).startswith(_PACKED)
    except OSError:
        return False  # a pipe


def _may_have(path: str, millis: int) -> bool:
    """Whether a file's first and last times let an event of that time lie in it."""
    if path == "-":
        return False
    fd = _opened(path)
    try:
        span = span_of(Text(fd)) if _is_plain(fd) else None
    finally:
        os.close(fd)
    if span is None:
        from virtwarden.events.logs import begins  # noqa: PLC0415

        begun = begins(path)
        return begun is not None and begun <= millis + _LEEWAY
    return span[0] - _LEEWAY <= millis <= span[1] + _LEEWAY


def _in_file(path: str, event: Wanted, damaged: list[str]) -> list[list[bytes]]:
    if path == "-":
        return _streamed(path, event, damaged)
    fd = _opened(path)
    try:
        return find(Text(fd), event) if _is_plain(fd) else _streamed(path, event, damaged)
    except OSError as refused:
        raise Complaint(f"{path} cannot be read: {refused.strerror}") from None
    finally:
        os.close(fd)


def _streamed(path: str, event: Wanted, damaged: list[str]) -> list[list[bytes]]:
    """The records in what can only be read from its beginning: compressed files and standard input."""
    from virtwarden.events.blocks import windows  # noqa: PLC0415
    from virtwarden.events.logs import Log  # noqa: PLC0415
    from virtwarden.events.marks import lines, searching  # noqa: PLC0415
    from virtwarden.events.model import Skipped  # noqa: PLC0415

    skipped = Skipped(damaged=damaged)
    events: Events = {}
    search = searching((b":%d)" % event.serial,))
    number = 0
    for window in windows([Log(path)], skipped, search=search):
        for begin, end in lines(window, skipped):
            line = window.text[begin:end]
            stamp = head(line, 0)
            if stamp is not None and event.is_it(stamp):
                number += 1
                events.setdefault(stamp, {})[number] = line
    return ordered(events)
