"""Windows hold every line once, whichever way the log is read."""

from __future__ import annotations

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from virtwarden.events import blocks, slices
from virtwarden.events.logs import Log
from virtwarden.events.marks import lines, searching
from virtwarden.events.model import Skipped

QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")),
        st.sampled_from(
            [b"type=VIRT_CONTROL ", b"type=AVC msg=", b"x" * 300_000, b"y" * 262_144, b"z" * 3000, b""]
        ),
    ),
    max_size=40,
)
MARKS = (b"VIRT_", b"AVC msg", b"zz")


def read(log: Log, block: int) -> list[tuple[int, bytes]]:
    skipped = Skipped()
    return [
        (window.base + begin, window.text[begin:end])
        for window in blocks.windows([log], skipped, block, searching(MARKS))
        for begin, end in lines(window, skipped)
    ]


def sliced(log: Log, size: int) -> list[tuple[int, bytes]]:
    skipped = Skipped()
    windows = slices.windows(log, skipped, searching(MARKS), size, large=1)
    return [
        (window.base + begin, window.text[begin:end])
        for window in windows or ()
        for begin, end in lines(window, skipped)
    ]


def wanted(data: bytes) -> list[tuple[int, bytes]]:
    at, result = 0, []
    for line in data.split(b"\n"):
        if any(mark in line for mark in MARKS) and len(line) <= blocks.LONGEST:
            result.append((at, line))
        at += len(line) + 1
    return result


@QUICK
@given(pieces=PIECES, size=st.integers(50_000, 400_000), end=st.sampled_from([b"", b"\n"]))
def test_a_file_in_slices_has_every_line_once(tmp_path: Path, pieces: list[bytes], size: int, end: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(pieces) + end)
    assert sliced(Log(str(path)), size) == wanted(path.read_bytes())


@QUICK
@given(pieces=PIECES, size=st.integers(5_000, 400_000), end=st.sampled_from([b"", b"\n"]))
def test_a_file_in_blocks_has_every_line_once(tmp_path: Path, pieces: list[bytes], size: int, end: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\n".join(pieces) + end)
    assert read(Log(str(path)), size) == wanted(path.read_bytes())


def test_a_last_line_without_an_end_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"type=VIRT_X\n" * 50_000 + b"type=VIRT_Y")
    skipped = Skipped()
    assert sum(1 for _ in slices.windows(Log(str(path)), skipped, searching(MARKS), 100_000, large=1) or ()) > 3
    assert skipped.torn == 1


def test_what_stands_around_a_line_is_there_in_slices_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"%07d\n" % number for number in range(60_000)))
    for window in slices.windows(Log(str(path)), Skipped(), searching(MARKS), 70_000, large=1) or ():
        before = min(window.base + window.start, blocks.CONTEXT)
        behind = min(path.stat().st_size - window.base - window.stop, blocks.CONTEXT)
        assert window.start >= before
        assert window.limit - window.stop >= behind
        assert (window.base + window.start) % 8 == 0
