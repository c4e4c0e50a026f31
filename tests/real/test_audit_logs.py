"""Logs that a real auditd and libvirtd wrote come out as what was done."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.events.ctools import ausearch, auvirt, rows
from tests.real import audit_kit
from tests.real import auditd as harness
from tests.real.audit_deeds import EXTRA_DISK, MEDIUM, NIC, Deeds, Run
from tests.real.auditd import Auditd, LogFormat, kernel_audit
from tests.real.guests import IMAGES
from tests.real.machine import Config, Machine
from virtwarden.events import Event, Session, Skipped, events, sessions
from virtwarden.events.model import Anomaly, Ending, Kind, Resource

pytestmark = pytest.mark.libvirt


@dataclass(frozen=True, slots=True)
class Told:
    """What was done, the folder with its logs, and all of them in one file."""

    runs: tuple[Run, ...]
    folder: Path
    merged: Path

    def sessions(self) -> list[Session]:
        """The sessions in the order of their starts; nothing of the log may have been skipped."""
        skipped = Skipped()
        found = sorted(sessions([str(self.folder)], skipped), key=lambda each: each.started or 0)
        assert skipped == Skipped()
        return found

    def events(self, kind: Kind) -> list[Event]:
        """The events of one kind."""
        return [each for each in events([str(self.folder)], Skipped()) if each.kind is kind]


@pytest.fixture(scope="module", params=["RAW", "ENRICHED"])
def told(real_hosts: None, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """All deeds, done for real while a real auditd writes."""
    if reason := harness.why_not():
        pytest.skip(reason)
    form: LogFormat = request.param
    kept = tmp_path_factory.mktemp("logs")
    with (
        kernel_audit(),
        Auditd(tmp_path_factory.mktemp("auditd"), format=form) as auditd,
        Machine(Config(name="audithost", services=("virtlogd", "libvirtd"))) as machine,
    ):
        deeds = Deeds(machine, auditd)
        deeds.prepare()
        deeds.all()
        auditd.settle()
        for log in auditd.logs():
            shutil.copy(log, kept)
        text = auditd.text()
    merged = tmp_path_factory.mktemp("merged") / "all.log"
    merged.write_text(text, "utf-8", "surrogateescape")
    return Told(tuple(deeds.runs), kept, merged)


def test_every_session_comes_out_as_it_was_made_over_three_logs(told: Told) -> None:
    assert len(list(told.folder.iterdir())) == 3
    found = told.sessions()
    assert [(s.guest, s.start_reason, str(s.ending)) for s in found] == [
        (run.guest, run.start, run.ending) for run in told.runs
    ]


def test_sessions_begin_and_end_when_they_did(told: Told) -> None:
    slack = 20  # ms: the kernel stamps records by a coarser clock than ours
    for session, run in zip(told.sessions(), told.runs, strict=True):
        assert session.started is not None
        assert run.earliest - slack <= session.started <= run.latest + slack
        if session.ending is Ending.RUNNING:
            assert session.ended is None
        elif session.exact:
            assert session.ended is not None
            assert session.started <= session.ended <= run.latest + slack


def test_only_ends_without_a_record_are_inexact(told: Told) -> None:
    inexact = {str(each.ending) for each in told.sessions() if not each.exact}
    assert inexact == {"not told", "host down"}


def test_what_was_plugged_is_told_in_order(told: Told) -> None:
    first = next(each.id for each in told.sessions() if each.guest == "db")
    plugged = [
        (each.detail.type, each.detail.reason, each.detail.old, each.detail.new)
        for each in told.events(Kind.RESOURCE)
        if each.session == first
        and isinstance(each.detail, Resource)
        and each.detail.type in ("disk", "net")
        and each.detail.reason in ("attach", "detach", "update")
    ]
    assert plugged == [
        ("disk", "attach", None, EXTRA_DISK),
        ("net", "attach", None, NIC),
        ("disk", "update", None, MEDIUM),
        ("disk", "detach", EXTRA_DISK, None),
    ]


def test_every_kind_of_device_is_told_whatever_the_guest_s_name(told: Told) -> None:
    (kit,) = (each.id for each in told.sessions() if each.guest == audit_kit.NAME)
    resources = [
        (each.detail.type, each.detail.reason, each.detail.old, each.detail.new)
        for each in told.events(Kind.RESOURCE)
        if each.session == kit and isinstance(each.detail, Resource) and each.detail.type != "cgroup"
    ]
    assert resources == list(audit_kit.TOLD)


def test_what_a_guest_starts_with_belongs_to_the_session_that_follows(told: Told) -> None:
    whose = {each.id: each for each in told.sessions()}
    started = [
        (whose[each.session].guest, each.detail.new)
        for each in told.events(Kind.RESOURCE)
        if each.session is not None
        and isinstance(each.detail, Resource)
        and (each.detail.type, each.detail.reason) == ("disk", "start")
    ]
    images = {name: f"{IMAGES}/{name}.qcow2" for name in ("db", "mail")}
    images |= {name: f"{IMAGES}/{name}.img" for name in ("build", "legacy")} | {audit_kit.NAME: audit_kit.DISK}
    assert started == [(run.guest, images[run.guest]) for run in told.runs]


def test_a_process_that_was_killed_by_a_fault_is_an_anomaly(told: Told) -> None:
    faults = [each.detail for each in told.events(Kind.ANOMALY) if isinstance(each.detail, Anomaly)]
    assert ["11" in each.about for each in faults if each.type == "ANOM_ABEND"] == [True]


def test_libvirt_itself_writes_nothing_of_a_guest_that_died_unwatched(told: Told) -> None:
    ended = {each.id for each in told.events(Kind.STOP)}
    for session in told.sessions():
        has_stop = any(proof in ended for proof in session.proof)
        assert has_stop is (str(session.ending) not in ("not told", "host down", "running", "not started"))


def test_ausearch_finds_the_same_starts_and_stops(told: Told) -> None:
    raw = ausearch(told.merged, "-m", "VIRT_CONTROL", "--raw")
    theirs = [line.partition("audit(")[2].partition(")")[0] for line in raw.split("\n") if line.startswith("type")]
    ours = [str(each.id) for each in (*told.events(Kind.START), *told.events(Kind.STOP))]
    assert sorted(theirs) == sorted(ours)


def test_auvirt_lists_the_same_guests_but_knows_neither_lost_ends_nor_hosts_that_went_down(told: Told) -> None:
    lines = rows(auvirt(told.merged))
    assert [line[0] for line in lines] == [each.guest for each in told.sessions()]
    for line, session in zip(lines, told.sessions(), strict=True):
        has_failed, is_open = line[2].endswith("failed"), " - " not in line[2]
        assert has_failed is (session.ending is Ending.NOT_STARTED)
        assert is_open is (str(session.ending) in ("not told", "host down", "running"))
