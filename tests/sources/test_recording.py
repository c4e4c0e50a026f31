"""Recordings: what is written is what is read, and nothing damaged or hostile is taken for a recording."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.kit import NOW, Made, entry
from virtwarden.host import Absent, Head, Output, Source, Stat, Text, Unknown, reading
from virtwarden.model import Evidence
from virtwarden.sources import SourceError, recording
from virtwarden.sources.answers import Answer
from virtwarden.sources.pattern import names as named
from virtwarden.sources.recording import Recorder, Snapshot

HEADER = {
    "kind": "virt-warden recording",
    "format": 1,
    "version": "1",
    "taken_at": "2026-03-01T12:00:00Z",
    "source": "this host",
}
READ = {"ask": "read", "of": ["/x"], "gave": {"path": "/x", "text": "t", "at": "2026-03-01T12:00:00Z"}}

any_text = st.binary(max_size=60).map(lambda data: data.decode("utf-8", "surrogateescape"))
names = st.binary(min_size=1, max_size=12).map(lambda data: "/" + data.decode("utf-8", "surrogateescape"))
moments = st.datetimes(
    min_value=datetime(1990, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC)
)  # fmt: skip
evidence = st.builds(Evidence, any_text, st.none() | names, st.none() | st.integers(1, 99), at=st.none() | moments)
absences = st.builds(Absent, any_text, evidence)
refusals = st.builds(Unknown, any_text, evidence)
numbers = st.integers(0, 2**63)
stats = st.builds(
    Stat, names, names, st.sampled_from(["file", "dir", "socket", "block", "char", "fifo", "other"]), numbers,
    numbers, numbers, any_text, any_text, numbers, numbers, any_text, st.integers(-(2**62), 2**62),
    st.none() | any_text, moments,
)  # fmt: skip
outputs = st.builds(
    Output, st.lists(any_text, min_size=1).map(tuple), st.integers(0, 255), any_text, any_text, moments
)


class Scripted:
    """A source with one answer to each kind of question."""

    def __init__(self, taken_at: datetime, name: str, answers: dict[str, Answer | Absent | Unknown]) -> None:
        self.taken_at = taken_at
        self.name = name
        self.answers = answers
        self.asked = 0

    def _give(self, kind: str) -> Answer:
        self.asked += 1
        answer = self.answers[kind]
        if isinstance(answer, Absent | Unknown):
            raise answer
        return answer

    def read(self, path: str) -> Text:
        return self._give("read")  # type: ignore[return-value]

    def head(self, path: str, length: int) -> Head:
        return self._give("head")  # type: ignore[return-value]

    def glob(self, pattern: str) -> list[str]:
        return self._give("glob")  # type: ignore[return-value]

    def stat(self, path: str) -> Stat:
        return self._give("stat")  # type: ignore[return-value]

    def run(self, *argv: str) -> Output:
        return self._give("run")  # type: ignore[return-value]

    def fetch(self, wants: object) -> None:
        self.fetched = wants


def asked(source: Source, kind: str, words: tuple[str, ...], length: int) -> object:
    """The answer, or what the refusal says."""
    try:
        if kind == "head":
            return source.head(words[0], length)
        return getattr(source, kind)(*words)
    except (Absent, Unknown) as refused:
        return type(refused).__name__, str(refused), refused.evidence


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    moments, any_text, names, numbers, st.sampled_from(["recording", "recording.gz"]),
    st.builds(Text, names, any_text, moments) | absences | refusals,
    st.builds(Head, names, st.binary(max_size=40), moments) | absences | refusals,
    st.lists(names.filter(partial(named, "/*")), max_size=5) | refusals,
    stats | absences | refusals,
    outputs | absences | refusals,
)  # fmt: skip
def test_a_snapshot_answers_as_the_recorded_source_did(  # noqa: PLR0917
    tmp_path: Path, taken_at: datetime, name: str, path: str, length: int, file: str,
    text: Text | Absent | Unknown, head: Head | Absent | Unknown, found: list[str] | Unknown,
    stat: Stat | Absent | Unknown, output: Output | Absent | Unknown,
) -> None:  # fmt: skip
    answers: dict[str, Answer | Absent | Unknown] = {
        "read": text, "head": head, "glob": found, "stat": stat, "run": output,
    }  # fmt: skip
    live = Recorder(Scripted(taken_at, name, answers))
    words = {kind: "/*" if kind == "glob" else path for kind in answers}
    expected = {kind: asked(live, kind, (words[kind],), length) for kind in answers}
    live.write(str(tmp_path / file))
    snapshot = Snapshot(str(tmp_path / file))
    assert (snapshot.taken_at, snapshot.name) == (taken_at, name)
    assert {kind: asked(snapshot, kind, (words[kind],), length) for kind in answers} == expected


def test_an_answer_is_asked_for_once_and_is_the_same_ever_after() -> None:
    source = Scripted(NOW, "x", {"glob": ["/a"], "read": Absent("there is no /x")})
    recorder = Recorder(source)
    recorder.glob("/*").append("/meddled")
    assert recorder.glob("/*") == ["/a"]
    for _ in range(2):
        with pytest.raises(Absent, match="there is no /x"):
            recorder.read("/x")
    assert source.asked == 2
    wants = [reading("/x")]
    recorder.fetch(wants)
    assert source.fetched is wants


def test_what_was_not_recorded_is_unknown(tmp_path: Path) -> None:
    Recorder(Made()).write(str(tmp_path / "r"))
    snapshot = Snapshot(str(tmp_path / "r"))
    snapshot.fetch([reading("/x")])
    for kind in ("read", "stat", "glob", "run"):
        with pytest.raises(Unknown, match="/x is not in the recording"):
            getattr(snapshot, kind)("/x")
    with pytest.raises(Unknown, match="the first 4 bytes of /x is not in the recording"):
        snapshot.head("/x", 4)


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("/sys/*/dm/name", "/sys/dm-0/dm/name", True),
        ("/sys//*/", "/sys/a", True),
        ("/a/../*", "/a/../b", True),
        ("/etc/x", "/etc/x", True),
        ("/sys/*/dm/name", "relative", False),
        ("/sys/*/dm/name", "/sys/dm-0/dm", False),
        ("/sys/*", "/sys/.hidden", False),
        ("/sys/*", "/sys/", False),
        ("/etc/*.conf", "/etc/shadow", False),
        ("/etc/*.conf", "", False),
    ],
)
def test_a_listing_that_its_pattern_cannot_have_given_is_unknown(
    tmp_path: Path, pattern: str, path: str, fits: bool
) -> None:
    recorder = Recorder(Scripted(NOW, "x", {"glob": [path]}))
    assert recorder.glob(pattern) == [path]
    recorder.write(str(tmp_path / "r"))
    snapshot = Snapshot(str(tmp_path / "r"))
    if fits:
        assert snapshot.glob(pattern) == [path]
    else:
        with pytest.raises(Unknown, match="does not name"):
            snapshot.glob(pattern)


def test_the_same_answers_make_the_same_file_whatever_their_order(tmp_path: Path) -> None:
    source = Made(files={"/a": "1", "/b": "2", "/c": "3"})
    for file, order in (("one.gz", "abc"), ("two.gz", "cab")):
        recorder = Recorder(source)
        for letter in order:
            recorder.read(f"/{letter}")
            recorder.stat(f"/{letter}")
        recorder.write(str(tmp_path / file))
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


def test_a_recording_is_its_owners_alone_and_never_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "r"
    target.write_text("old")
    target.chmod(0o644)
    recorder = Recorder(Made(files={"/a": "1"}))
    recorder.read("/a")

    def fails(_: int) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="the disk is full"):
        recorder.write(str(target))
    assert [path.name for path in tmp_path.iterdir()] == ["r"]
    assert target.read_text() == "old"
    monkeypatch.undo()
    recorder.write(str(target))
    assert target.stat().st_mode & 0o777 == 0o600
    assert Snapshot(str(target)).read("/a").text == "1"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "is not a recording"),
        (["junk"], "is not a recording"),
        (["[]"], "is not a recording"),
        ([{**HEADER, "kind": "else"}], "is not a recording"),
        ([{**HEADER, "format": 2}], "is a recording in format 2; this version reads format 1"),
        ([{**HEADER, "taken_at": "2026-03-01T12:00:00"}], "has no zone"),
        ([{**HEADER, "taken_at": "0001-01-01T00:00:00+14:00"}], "is out of range"),
        ([{**HEADER, "source": 1}], "is not a recording"),
        ([HEADER, "junk"], "line 2 of the recording is damaged"),
        ([HEADER, READ, {**READ, "ask": "write"}], "line 3 of the recording is damaged"),
        ([HEADER, {**READ, "gave": {"path": "/x"}}], "line 2"),
        ([HEADER, {**READ, "gave": None}], "it is not one answer"),
        ([HEADER, {**READ, "absent": {"message": "both"}}], "it is not one answer"),
        ([HEADER, {**READ, "extra": 1}], "line 2"),
        ([HEADER, {**READ, "gave": {**READ["gave"], "at": "2026-03-01T12:00:00"}}], "its time has no zone"),  # type: ignore[dict-item]
        ([HEADER, {**READ, "gave": {**READ["gave"], "text": "\ud800"}}], "line 2"),  # type: ignore[dict-item]
        ([HEADER, "[" * 100_000], "line 2"),
        ([HEADER, "9" * 10_000], "line 2"),
        ([HEADER, {"ask": "glob", "of": ["/x"], "gave": [1]}], "line 2"),
    ],
)
@pytest.mark.parametrize("packed", [str, "gz"])
def test_what_is_damaged_is_refused_in_one_sentence(
    tmp_path: Path, lines: list[object], words: str, packed: object
) -> None:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    data = gzip.compress(text.encode()) if packed == "gz" else text.encode()
    (tmp_path / "r").write_bytes(data)
    with pytest.raises(SourceError, match=words) as refused:
        Snapshot(str(tmp_path / "r"))
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("data", [b"\x1f\x8b", b"\x1f\x8bjunk", b"\0\xff" * 500, b"\x1f\x8b\x08\0" + b"\0" * 40])
def test_binary_junk_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "r").write_bytes(data)
    with pytest.raises(SourceError):
        Snapshot(str(tmp_path / "r"))


@pytest.mark.parametrize("cut", range(20, 400, 37))
def test_a_truncated_recording_is_refused(tmp_path: Path, cut: int) -> None:
    recorder = Recorder(Made(files={f"/{number}": os.urandom(30) for number in range(20)}))
    for number in range(20):
        recorder.read(f"/{number}")
    recorder.write(str(tmp_path / "r.gz"))
    (tmp_path / "r.gz").write_bytes((tmp_path / "r.gz").read_bytes()[:cut])
    with pytest.raises(SourceError):
        Snapshot(str(tmp_path / "r.gz"))


def test_a_bomb_is_refused_before_it_unfolds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "SIZE_LIMIT", 2**20)
    monkeypatch.setattr(recording, "LINE_LIMIT", 2**18)
    header = json.dumps(HEADER).encode() + b"\n"
    line = json.dumps({**READ, "of": ["/" + "x" * 1000]}).encode() + b"\n"
    for data in (header + b"x" * 2**21, header + line * 2000):
        (tmp_path / "r").write_bytes(gzip.compress(data))
        with pytest.raises(SourceError, match="is too large to be a recording"):
            Snapshot(str(tmp_path / "r"))
    monkeypatch.setattr(recording, "COUNT_LIMIT", 5)
    (tmp_path / "r").write_bytes(header + (json.dumps(READ).encode() + b"\n") * 6)
    with pytest.raises(SourceError, match="is too large to be a recording"):
        Snapshot(str(tmp_path / "r"))


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (str(tmp_path / "none"), str(tmp_path), str(tmp_path / "a\0b")):
        with pytest.raises(SourceError, match="cannot be read"):
            Snapshot(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_no_spoilt_recording_ends_in_anything_but_a_sentence(tmp_path: Path, data: st.DataObject) -> None:
    answers = replace(entry("/x"), label="l"), Unknown("no")
    recorder = Recorder(Scripted(NOW, "x", {"stat": answers[0], "read": answers[1], "glob": ["/a\udcff"]}))
    recorder.stat("/x")
    recorder.glob("/*")
    asked(recorder, "read", ("/x",), 0)
    recorder.write(str(tmp_path / "r"))
    spoilt = bytearray((tmp_path / "r").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(spoilt) - 1))
        spoilt[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    (tmp_path / "r").write_bytes(spoilt)
    try:
        snapshot = Snapshot(str(tmp_path / "r"))
    except SourceError:
        return
    for kind in ("stat", "read", "glob", "run"):
        asked(snapshot, kind, ("/x",), 0)
    assert snapshot.taken_at - NOW < timedelta(days=365 * 9000)
