"""Imports: what is new and nothing twice, whatever happens to files meanwhile and whenever a run is killed."""

from __future__ import annotations

import gzip
import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.columns.kit import RECORDED, imported, numbered, records, rows
from virtwarden.complaint import Complaint
from virtwarden.events.columns import store
from virtwarden.events.columns.lines import lines
from virtwarden.events.columns.store import encoded
from virtwarden.events.model import Skipped


def test_every_line_comes_out_of_the_folder_as_it_was(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(numbered(3000)) + b"\n")
    told = imported(tmp_path / "in", log, window=100_000)
    assert told.records == 3000
    assert b"".join(lines(tmp_path / "in")) == log.read_bytes()


def test_a_second_run_reads_nothing(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(numbered(50)) + b"\n")
    imported(tmp_path / "in", log)
    assert imported(tmp_path / "in", log).bytes == 0
    log.touch()
    assert imported(tmp_path / "in", log).bytes == 0


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grow"), st.integers(1, 4000)),
        st.tuples(st.just("rotate"), st.just(0)),
        st.tuples(st.just("pack"), st.just(0)),
        st.tuples(st.just("import"), st.just(0)),
    ),
    max_size=14,
)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS)
def test_incremental_imports_equal_the_whole(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    tmp = tmp_path_factory.mktemp("law")
    logs, text, at = tmp / "logs", b"\n".join(numbered(120)) + b"\n", 0
    logs.mkdir()
    (logs / "audit.log").touch()
    for what, size in [*steps, ("grow", len(text)), ("import", 0)]:
        if what == "grow":  # also in the midst of a line
            with (logs / "audit.log").open("ab") as file:
                file.write(text[at : at + size])
            at = min(at + size, len(text))
        elif what == "rotate" and (at == 0 or text[at - 1] == 10):
            _rotate(logs)
        elif what == "pack" and (logs / "audit.log.1").exists():
            plain = logs / "audit.log.1"
            (logs / "audit.log.1.gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()
        elif what == "import":
            imported(tmp / "parts", logs, window=1000)
    whole = tmp / "whole.log"
    whole.write_bytes(text)
    imported(tmp / "whole", whole)
    assert rows(tmp / "parts", ["line"]) == rows(tmp / "whole", ["line"])


def _rotate(logs: Path) -> None:
    rotated = [file for file in logs.iterdir() if file.name != "audit.log"]
    for file in sorted(rotated, key=lambda each: -int(each.name.split(".")[2])):
        _, _, number, *packed = file.name.split(".")
        file.rename(logs / ".".join(["audit.log", str(int(number) + 1), *packed]))
    (logs / "audit.log").rename(logs / "audit.log.1")
    (logs / "audit.log").touch()


def test_a_line_without_its_end_waits_for_the_next_run(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    first, second = numbered(2)
    log.write_bytes(first + b"\n" + second[:30])
    told = imported(tmp_path / "in", log)
    assert (told.records, told.waiting) == (1, [str(log)])
    log.write_bytes(first + b"\n" + second + b"\n")
    assert imported(tmp_path / "in", log).records == 1
    assert b"".join(lines(tmp_path / "in")) == log.read_bytes()


def test_a_copy_that_ends_earlier_adds_nothing_and_is_told(tmp_path: Path) -> None:
    log, copy = tmp_path / "audit.log", tmp_path / "copy.log"
    log.write_bytes(b"\n".join(numbered(40)) + b"\n")
    copy.write_bytes(b"\n".join(numbered(10)) + b"\n")
    imported(tmp_path / "in", log)
    told = imported(tmp_path / "in", copy)
    assert (told.records, told.shorter) == (0, [str(copy)])


def test_a_log_that_only_begins_like_another_is_read_whole(tmp_path: Path) -> None:
    log, other = tmp_path / "audit.log", tmp_path / "other.log"
    log.write_bytes(b"\n".join(numbered(40)) + b"\n")
    other.write_bytes(b"\n".join([*numbered(1), *numbered(60, 100)]) + b"\n")
    imported(tmp_path / "in", log)
    assert imported(tmp_path / "in", other).records == 61
    assert imported(tmp_path / "in", other, log).records == 0


@pytest.mark.parametrize("call", range(1, 40))
def test_a_run_that_breaks_off_anywhere_is_continued(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(numbered(60)) + b"\n")
    calls = 0

    def counted(real: object) -> object:
        def step(*given: object, **named: object) -> object:
            nonlocal calls
            calls += 1
            if calls == call:
                raise KeyboardInterrupt
            return real(*given, **named)  # type: ignore[operator]

        return step

    for owner, name in ((Path, "rename"), (os, "fsync"), (Path, "mkdir"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))
    with suppress(KeyboardInterrupt):
        imported(tmp_path / "in", log, window=3000)
    monkeypatch.undo()
    imported(tmp_path / "in", log, window=3000)
    assert b"".join(lines(tmp_path / "in")) == log.read_bytes()
    assert not list((tmp_path / "in" / ".new").iterdir())


def test_a_killed_run_is_continued(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(b"\n".join(numbered(6000)) + b"\n")
    program = (
        "import sys\nfrom pathlib import Path\nfrom virtwarden.events.columns.importing import import_logs\n"
        "from virtwarden.events.model import Skipped\nprint('up', flush=True)\n"
        "import_logs(Path(sys.argv[1]), [sys.argv[2]], Skipped(), window=20000)"
    )
    for wait in (0.0, 0.05, 0.1, 0.2, 0.3):
        run = subprocess.Popen(
            (sys.executable, "-c", program, str(tmp_path / "in"), str(log)), stdout=subprocess.PIPE
        )
        assert run.stdout is not None
        run.stdout.readline()
        time.sleep(wait)
        run.send_signal(signal.SIGKILL)
        run.wait()
        run.stdout.close()
    imported(tmp_path / "in", log, window=20000)
    assert b"".join(lines(tmp_path / "in")) == log.read_bytes()


def test_only_the_owner_can_read_what_was_imported(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(RECORDED["apparmor.log.xz"])
    imported(tmp_path / "in", log)
    for each in [tmp_path / "in", *(tmp_path / "in").rglob("*")]:
        assert stat.S_IMODE(each.stat().st_mode) == (0o700 if each.is_dir() else 0o600), each


def test_a_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    folder.chmod(0o777)
    (tmp_path / "audit.log").touch()
    with pytest.raises(Complaint, match="can be written by others"):
        imported(folder, tmp_path)


def test_two_imports_at_once_are_refused(tmp_path: Path) -> None:
    (tmp_path / "audit.log").touch()
    with store.opened(tmp_path / "in"), pytest.raises(Complaint, match="another import"):
        imported(tmp_path / "in", tmp_path)


HOSTILE = ["../../../etc", "a/b", "..", ".", "a b", "x" * 5000, "%2e%2e", "é", "host=1", "-", "a\\b", "\u202e"]


def test_no_name_of_a_node_leaves_the_folder(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    nodes = [name.encode() for name in HOSTILE if name.isprintable() and name.isascii() and " " not in name]
    log.write_bytes(b"".join(b"node=" + node + b" " + line + b"\n" for node in nodes for line in numbered(2)))
    imported(tmp_path / "in", log)
    assert sorted(records(tmp_path / "in")["host"].unique()) == sorted(node.decode() for node in nodes)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["audit.log", "in"]
    assert {each.parent.parent.parent for each in (tmp_path / "in").rglob("*.parquet")} == {tmp_path / "in"}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_host_becomes_one_harmless_part_of_a_path(name: str) -> None:
    spelled = encoded(name)
    assert "/" not in spelled
    assert spelled.isascii()
    assert len(f"host={spelled}") < 255


def test_different_hosts_never_share_a_folder() -> None:
    assert len({encoded(name) for name in [*HOSTILE, "x" * 5001, "X" * 5000, "%2E%2E"]}) == len(HOSTILE) + 3


def test_lines_longer_than_two_windows_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    log, skipped = tmp_path / "audit.log", Skipped()
    first, second, third = numbered(3)
    log.write_bytes(first + b"\n" + second + b"x" * 300_000 + b"\n" + third + b"\n")
    told = imported(tmp_path / "in", log, window=65536, skipped=skipped)
    assert (told.records, skipped.too_long) == (2, 1)
    assert skipped.bytes > 300_000


def test_lines_of_a_megabyte_are_kept_whole(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(numbered(1)[0] + b"x" * 1_000_000 + b"\n")
    imported(tmp_path / "in", log, window=2 << 20)
    assert b"".join(lines(tmp_path / "in")) == log.read_bytes()


def test_an_empty_log_and_none_at_all_make_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "audit.log").touch()
    assert imported(tmp_path / "in", tmp_path / "audit.log").records == 0
    assert list((tmp_path / "in").glob("host=*")) == []


def test_a_log_that_was_cut_off_in_its_compression_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    packed, skipped = tmp_path / "audit.log.1.gz", Skipped()
    packed.write_bytes(gzip.compress(b"\n".join(numbered(2000)) + b"\n")[:-2000])
    assert 0 < imported(tmp_path / "in", packed, skipped=skipped).records < 2000
    assert skipped.damaged


def test_a_folder_whose_checkpoint_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir(mode=0o700)
    (tmp_path / "in" / "checkpoint.json").write_text("{}}")
    (tmp_path / "audit.log").touch()
    with pytest.raises(Complaint, match=r"checkpoint.json cannot be read"):
        imported(tmp_path / "in", tmp_path)


def test_one_line_without_an_end_takes_no_longer_than_its_size_tells(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    log.write_bytes(bytes(12_000_000))
    began = time.process_time()
    told = imported(tmp_path / "in", log, window=8 << 20)
    assert time.process_time() - began < 3
    assert (told.records, told.waiting) == (0, [str(log)])


def test_a_first_line_that_is_too_long_and_has_no_end_is_skipped_and_counted(tmp_path: Path) -> None:
    log, skipped = tmp_path / "audit.log", Skipped()
    log.write_bytes(bytes(20_000_000))
    told = imported(tmp_path / "in", log, skipped=skipped)
    assert (told.records, told.waiting, skipped.too_long, skipped.bytes) == (0, [], 1, 20_000_000)
    log.write_bytes(bytes(20_000_001) + b"\n" + numbered(1)[0] + b"\n")
    assert imported(tmp_path / "in", log).records == 1


def test_the_last_line_of_a_packed_log_is_taken_without_an_end(tmp_path: Path) -> None:
    packed = tmp_path / "audit.log.1.gz"
    packed.write_bytes(gzip.compress(b"\n".join(numbered(2))))
    told = imported(tmp_path / "in", packed)
    assert (told.records, told.unended) == (2, [str(packed)])


def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(Complaint, match=r"^/proc/self/mem cannot be read: Input/output error$"):
        imported(tmp_path / "in", Path("/proc/self/mem"))
