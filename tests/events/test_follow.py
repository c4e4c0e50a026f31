"""Following logs that are written, renamed, cut to nothing and missing meanwhile: no line is lost, none comes twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.made import Guest, Made
from virtwarden.events import Following
from virtwarden.events.follow import Tail, follow, follow_all, rotated, take_in
from virtwarden.events.logs import LogError
from virtwarden.events.model import Denial, Event, Kind, Skipped


class Enough(Exception):
    """Ends what has no end."""


def append(path: Path, text: bytes) -> None:
    with path.open("ab") as file:
        file.write(text)


def rotate(path: Path, keep: int = 9) -> None:
    """As auditd does it: the oldest first."""
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}") if number else path
        newer = path.with_name(f"{path.name}.{number - 1}") if number > 1 else path
        if newer.exists():
            newer.rename(older)


def everything(tail: Tail) -> list[bytes]:
    """All that is there by now; a look may find only that there is another file."""
    found: list[bytes] = []
    for _ in range(20):
        found += tail.lines()
    return found


def test_lines_come_as_they_are_written_and_only_whole(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\ntw")
    tail = Tail(str(log), Skipped())
    assert everything(tail) == [b"one"]
    append(log, b"o\nthree\n")
    assert everything(tail) == [b"two", b"three"]


def test_a_renamed_file_is_read_to_its_end_before_the_new_one(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\n")
    tail = Tail(str(log), Skipped())
    assert everything(tail) == [b"one"]
    append(log, b"two\n")
    rotate(log)
    append(log, b"three\n")
    assert everything(tail) == [b"two", b"three"]


def test_a_file_that_was_begun_and_renamed_between_two_looks_is_read_too(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\n")
    tail = Tail(str(log), Skipped())
    for line in (b"two\n", b"three\n", b"four\n"):
        rotate(log)
        append(log, line)
    assert everything(tail) == [b"one", b"two", b"three", b"four"]


def test_what_is_still_written_to_the_renamed_file_is_read(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\n")
    tail = Tail(str(log), Skipped())
    rotate(log)
    append(log, b"")
    assert everything(tail) == [b"one"]
    append(tmp_path / "audit.log.1", b"two\n")
    append(log, b"three\n")
    assert everything(tail) == [b"two", b"three"]


def test_a_file_that_is_cut_to_nothing_is_begun_again(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\ntwo\n")
    tail = Tail(str(log), Skipped())
    assert everything(tail) == [b"one", b"two"]
    shutil.copy(log, tmp_path / "audit.log.1")
    os.truncate(log, 0)
    append(log, b"new\n")
    assert everything(tail) == [b"new"]


def test_a_file_that_is_missing_is_waited_for(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    tail = Tail(str(log), Skipped())
    assert everything(tail) == []
    append(log, b"one\n")
    assert everything(tail) == [b"one"]
    log.unlink()
    assert everything(tail) == []
    append(log, b"two\n")
    assert everything(tail) == [b"two"]


def test_a_last_line_without_an_end_is_given_and_counted(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    skipped = Skipped()
    append(log, b"one\ntor")
    tail = Tail(str(log), skipped)
    rotate(log)
    append(log, b"two\n")
    assert everything(tail) == [b"one", b"tor", b"two"]
    assert skipped.torn == 1


def test_a_line_without_end_takes_no_memory_without_end(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    skipped = Skipped()
    append(log, b"x" * 3_000_000)
    tail = Tail(str(log), skipped)
    assert everything(tail) == []
    append(log, b"\none\n")
    assert everything(tail)[-1] == b"one"
    assert len(tail._begun) < 300_000
    assert skipped.bytes > 2_000_000


def test_a_line_that_is_too_long_is_left_out_and_counted_however_it_comes(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    skipped = Skipped()
    append(log, b"one\n" + b"x" * 290_000)
    tail = Tail(str(log), skipped)
    assert everything(tail) == [b"one"]
    append(log, b"x" * 10_000)
    assert everything(tail) == []
    append(log, b"\ntwo\n" + b"y" * 300_000 + b"\nthree\n")
    assert everything(tail) == [b"two", b"three"]
    assert (skipped.too_long, skipped.bytes) == (2, 600_000)


def test_what_is_written_between_the_last_look_and_the_renaming_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\n")
    tail = Tail(str(log), Skipped())
    assert everything(tail) == [b"one"]
    look = tail._renamed

    def busy(inode: int) -> int | None:
        if not (tmp_path / "audit.log.1").exists():
            append(log, b"two\n")
            rotate(log)
            append(log, b"three\n")
        return look(inode)

    monkeypatch.setattr(tail, "_renamed", busy)
    assert everything(tail) == [b"two", b"three"]


@pytest.mark.parametrize("left", [0, 4])
def test_history_ends_where_a_file_is_cut_before_it_is_read(tmp_path: Path, left: int) -> None:
    log = tmp_path / "audit.log"
    append(log, b"one\ntwo\n")
    tail = Tail(str(log), Skipped())
    os.truncate(log, left)
    everything(tail)
    assert not tail.is_in_history


def test_a_folder_in_place_of_a_log_is_told(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        everything(Tail(str(tmp_path), Skipped()))


DEEDS = st.lists(st.sampled_from(["write", "half", "rotate", "look", "look"]), max_size=40)


@settings(deadline=None, max_examples=80)
@given(DEEDS)
def test_whatever_happens_every_line_comes_once_and_in_order(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[str]
) -> None:
    log = tmp_path_factory.mktemp("tail") / "audit.log"
    append(log, b"")
    tail = Tail(str(log), Skipped())
    seen: list[bytes] = []
    written, half = 0, False
    for deed in [*deeds, "write"]:
        if deed == "look":
            seen += tail.lines()
        elif deed == "rotate" and not half and log.stat().st_size:
            rotate(log, 45)
            append(log, b"")
        elif deed == "half" and not half:
            append(log, b"%d" % written)
            half = True
        elif deed == "write":
            append(log, b"\n" if half else b"%d\n" % written)
            written, half = written + 1, False
    for _ in range(100):
        seen += tail.lines()
    assert seen == [b"%d" % number for number in range(written)]


WEB = Guest("web")


class Watched(Following):
    """Notes what comes: a line, or quiet."""

    def __init__(self, now: Callable[[], int]) -> None:
        super().__init__(Skipped())
        self.now = now
        self.seen: list[tuple[str, int]] = []

    def take(self, line: bytes, host: str = "") -> list[Event]:
        self.seen.append(("line", self.now()))
        return super().take(line, host)

    def quiet(self) -> list[Event]:
        self.seen.append(("quiet", self.now()))
        return super().quiet()


def watched(log: Path, lines_at: set[int], until: int) -> list[tuple[str, int]]:
    """What comes while lines are written at some of the looks, five a second."""
    count = 0

    def pause(_: float) -> None:
        nonlocal count
        count += 1
        if count in lines_at:
            append(log, b"line\n")
        if count == until:
            raise Enough

    told = Watched(lambda: count)
    with pytest.raises(Enough):
        next(follow([(Tail(str(log), Skipped()), "")], told, pause, lambda: count / 5))
    return told.seen[1:]  # without that of history


def test_quiet_is_a_second_after_the_last_line(tmp_path: Path) -> None:
    (tmp_path / "audit.log").touch()
    seen = watched(tmp_path / "audit.log", {4, 8}, 15)
    assert seen[:3] == [("line", 4), ("line", 8), ("quiet", 13)]


def test_events_are_told_every_few_seconds_where_it_never_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "audit.log").touch()
    seen = watched(tmp_path / "audit.log", set(range(100)), 60)
    assert [at for what, at in seen if what == "quiet"] == [25, 50]


def followed(
    log: Path, then: Callable[[int], None], which: Callable[..., Iterator[Event]] = follow, looks: int = 12
) -> list[Event]:
    """The events that are told while something is done at each pause."""
    told, count = Following(Skipped()), 0

    def pause(_: float) -> None:
        nonlocal count
        then(count)
        count += 1
        if count == looks:
            raise Enough

    found: list[Event] = []
    try:
        for each in which([(Tail(str(log), Skipped()), "")], told, pause, lambda: count / 5):
            found.append(each)  # noqa: PERF402  # what came before the end counts
    except Enough:
        pass
    return found


def test_events_are_told_as_they_come_with_the_sessions_that_began_before(tmp_path: Path) -> None:
    host, log = Made(), tmp_path / "audit.log"
    host.start(WEB)
    host.write(log)
    before = len(host.lines)
    host.stop(WEB, "destroyed")
    rest = "".join(f"{line}\n" for line in host.lines[before:]).encode()
    found = followed(log, lambda count: append(log, rest) if count == 1 else None)
    assert [each.kind for each in found] == [Kind.STOP]
    assert found[0].guest == "web"
    assert found[0].session is not None


def test_events_are_told_over_a_rotation(tmp_path: Path) -> None:
    host, log = Made(), tmp_path / "audit.log"
    host.start(WEB)
    lines = [f"{line}\n".encode() for line in host.lines]
    append(log, b"")

    def then(count: int) -> None:
        if count < 6:
            part = len(lines) // 6 + 1
            append(log, b"".join(lines[count * part : (count + 1) * part]))
            rotate(log)

    found = followed(log, then, looks=20)
    assert len(found) == len(lines)
    assert found[-1].kind is Kind.START


@pytest.mark.parametrize("which", [follow, follow_all])
def test_a_denial_has_what_the_records_behind_it_tell_though_they_come_later(
    tmp_path: Path, which: Callable[..., Iterator[Event]]
) -> None:
    host, log = Made(), tmp_path / "audit.log"
    host.start(WEB)
    host.write(log)
    before = len(host.lines)
    host.touched(WEB, auid=1000)
    avc, *rest = [f"{line}\n".encode() for line in host.lines[before:]]
    found = followed(log, lambda count: append(log, {1: avc, 2: b"".join(rest)}.get(count, b"")), which)
    assert isinstance(found[-1].detail, Denial)
    assert (found[-1].user, found[-1].detail.path, found[-1].guest) == (1000, WEB.disks[0], "web")


def test_from_the_start_tells_what_was_there(tmp_path: Path) -> None:
    host, log = Made(), tmp_path / "audit.log"
    host.start(WEB)
    host.write(log)
    found = followed(log, lambda _: None, follow_all, looks=2)
    assert len(found) == len(host.lines)


def test_rotated_files_of_a_folder_are_history(tmp_path: Path) -> None:
    host = Made()
    host.start(WEB)
    host.write(tmp_path / "audit.log.1")
    (tmp_path / "audit.log").touch()
    older, live = rotated([str(tmp_path)])
    assert [Path(log.path).name for log in older] == ["audit.log.1"]
    assert [Path(log.path).name for log in live] == ["audit.log"]
    told = Following(Skipped())
    taken = [*take_in(older, told, Skipped()), *told.quiet()]
    assert taken[-1].kind is Kind.START


def test_standard_input_is_not_followed() -> None:
    with pytest.raises(LogError, match="name the file"):
        rotated(["-"])
