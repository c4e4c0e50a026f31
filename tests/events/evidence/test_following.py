"""Whatever happened on a host and whatever is asked of it: the evidence can be made, and is sound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.events.made import START, Guest, Made
from virtwarden.events import sessions as sessions_of
from virtwarden.events.evidence import Criteria, Held, Manifest, NoEvidence, Occasion, make, verify
from virtwarden.events.evidence.manifest import Basis
from virtwarden.events.logs import find
from virtwarden.events.model import Skipped

GUESTS = [Guest("one"), Guest("two"), Guest("three", disks=[Guest("one").disks[0]])]
DEEDS = (
    "start", "stop", "crash", "save", "fail", "deny", "touch", "attach", "detach", "abend", "ran", "sudo", "wait",
    "boot", "down", "promiscuous",
)  # fmt: skip
lives = st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 2), st.integers(1, 4000)), max_size=25)


def _lived(deeds: list[tuple[str, int, int]], lsm: str = "selinux") -> Made:
    log = Made(lsm=lsm, enriched=True)
    for deed, number, seconds in deeds:
        log.wait(seconds / 10)
        _done(log, deed, GUESTS[number])
    return log


def _done(log: Made, deed: str, guest: Guest) -> None:
    acts: dict[str, Callable[[], object]] = {
        "start": lambda: log.start(guest), "stop": lambda: log.stop(guest), "save": lambda: log.save(guest),
        "crash": lambda: log.stop(guest, "crashed"), "fail": lambda: log.fail_to_start(guest),
        "deny": lambda: log.denied(guest, "/etc/shadow"), "touch": lambda: log.touched(guest),
        "attach": lambda: log.attach(guest, "disk", "/srv/x.img"), "abend": lambda: log.abended(guest),
        "detach": lambda: log.detach(guest, "disk", "/srv/x.img"), "wait": lambda: log.wait(3600),
        "ran": lambda: log.ran("virsh", "start", guest.name), "boot": log.boot, "down": log.shut_down,
        "sudo": lambda: log.sudo(f"virsh destroy {guest.name}"), "promiscuous": log.promiscuous,
    }  # fmt: skip
    acts[deed]()


asked = st.builds(
    Criteria,
    vm=st.sampled_from((None, "one", "t*")),
    start=st.none() | st.integers(0, 6_000_000).map(lambda later: START * 1000 + later),
    end=st.none() | st.integers(0, 6_000_000).map(lambda later: START * 1000 + later),
)


@given(lives, st.sampled_from(("selinux", "apparmor", "none")), asked)
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_it_is_sound(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, int, int]], lsm: str, criteria: Criteria
) -> None:
    folder = tmp_path_factory.mktemp("host")
    log = _lived(deeds, lsm).write(folder / "audit.log")
    if _made(folder / "b.tar", log, criteria) is None:
        return
    verdict = verify(str(folder / "b.tar"), None, find([str(log)]))
    assert verdict.held is Held.TRUE, verdict.said


def _made(path: Path, log: Path, criteria: Criteria) -> Manifest | None:
    """The bundle; None where there is nothing to prove."""
    try:
        return make(str(path), find([str(log)]), criteria, Occasion(0, "kvm7"), Skipped())
    except NoEvidence as none:
        if "nothing in these logs" not in str(none):
            raise
        return None


@given(lives)
@settings(max_examples=60, deadline=None)
def test_each_session_alone_is_sound(
    tmp_path_factory: pytest.TempPathFactory, deeds: list[tuple[str, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("host")
    log = _lived(deeds).write(folder / "audit.log")
    for number, session in enumerate(sessions_of([str(log)], Skipped())):
        path = str(folder / f"{number}.tar")
        make(path, find([str(log)]), Criteria(sessions=(session.id,)), Occasion(0, "kvm7"), Skipped())
        assert verify(path, None, None).held is Held.TRUE


def test_where_an_answer_hangs_on_what_was_beside_it_the_records_of_that_are_taken_too(tmp_path: Path) -> None:
    log = Made()
    log.start(GUESTS[0])
    log.wait(60)
    log.fail_to_start(GUESTS[0])
    log.wait(60)
    log.detach(GUESTS[0], "disk", "/srv/x.img")
    path = log.write(tmp_path / "audit.log")
    first = next(iter(sessions_of([str(path)], Skipped())))
    manifest = _made(tmp_path / "b.tar", path, Criteria(sessions=(first.id,)))
    assert manifest is not None
    assert manifest.basis is Basis.GUESTS
    assert verify(str(tmp_path / "b.tar"), None, None).held is Held.TRUE


DAY = _lived([(deed, number % 3, 300) for number, deed in enumerate(DEEDS)]).data


@given(st.lists(st.tuples(st.integers(0, len(DAY)), st.integers(0, 300), st.binary(max_size=40)), max_size=8))
@settings(max_examples=60, deadline=None)
def test_logs_that_are_damaged_give_sound_evidence_of_what_is_left(
    tmp_path_factory: pytest.TempPathFactory, damages: list[tuple[int, int, bytes]]
) -> None:
    data = DAY
    for place, length, instead in damages:
        data = data[:place] + instead + data[place + length :]
    folder = tmp_path_factory.mktemp("host")
    (folder / "audit.log").write_bytes(data)
    if _made(folder / "b.tar", folder / "audit.log", Criteria()) is None:
        return
    verdict = verify(str(folder / "b.tar"), None, find([str(folder / "audit.log")]))
    assert verdict.held is Held.TRUE, verdict.said


def test_lines_of_megabytes_are_no_records(tmp_path: Path) -> None:
    log = tmp_path / "audit.log"
    long = b"type=VIRT_CONTROL msg=audit(1795464000.001:1): " + b"x" * 3_000_000 + b"\n"
    log.write_bytes(long + DAY[: len(DAY) // 2] + b"\0" * 2_000_000 + b"\n" + long + DAY[len(DAY) // 2 :])
    assert _made(tmp_path / "b.tar", log, Criteria(vm="one")) is not None
    assert verify(str(tmp_path / "b.tar"), None, find([str(log)])).held is Held.TRUE


def test_records_without_their_newline_at_the_ends_of_files_are_kept_as_they_are(tmp_path: Path) -> None:
    lines = DAY.splitlines(keepends=True)
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "audit.log.1").write_bytes(b"".join(lines[:60]).removesuffix(b"\n"))
    (folder / "audit.log").write_bytes(b"".join(lines[60:]).removesuffix(b"\n"))
    for number, criteria in enumerate((Criteria(), Criteria(vm="one"))):
        bundle = tmp_path / f"{number}.tar"
        assert _made(bundle, folder, criteria) is not None
        assert verify(str(bundle), None, find([str(folder)])).held is Held.TRUE


def test_where_an_answer_hangs_on_damaged_lines_every_line_is_taken(tmp_path: Path) -> None:
    log = Made()
    log.start(GUESTS[0])
    log.wait(60)
    log.ran("virsh", "list")
    log.lines[-1] = "type=msg=audit(damaged"
    log.boot()
    log.start(GUESTS[0])
    path = log.write(tmp_path / "audit.log")
    manifest = _made(tmp_path / "b.tar", path, Criteria())
    assert manifest is not None
    assert manifest.basis is Basis.LOGS
    assert manifest.records == len(log.lines)
    assert verify(str(tmp_path / "b.tar"), None, find([str(path)])).held is Held.TRUE
