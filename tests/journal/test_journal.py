"""Journals survive what may happen to them, and tell nothing of the secrets that they keep."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from virtwarden.edits import SetConf
from virtwarden.journal import KEPT, BadJournal, Busy, Journal, Status, Transaction, now
from virtwarden.journal.records import Applied, Begun, Confirmed, RolledBack, Undoing, Undone
from virtwarden.journal.sealing import BrokenSeal, Sealer
from virtwarden.journal.transaction import load
from virtwarden.model import Activation, Document
from virtwarden.stores.images import FileImage, Image, Nothing, StateImage, TextImage

SECRET = b"hunter2-planted"
FILE = FileImage("file", 0o600, 0, 0, {"user.x": SECRET}, 5, b"password = " + SECRET)
CONF = Document("file", "/etc/libvirt/qemu.conf")
IMAGES = st.one_of(
    st.just(Nothing()),
    st.builds(TextImage, st.text()),
    st.builds(
        StateImage, st.dictionaries(st.text(), st.text()), st.dictionaries(st.text(), st.none() | st.text())
    ),
    st.builds(
        FileImage,
        st.sampled_from(["file", "dir"]),
        st.integers(0, 0o7777),
        st.integers(0, 2**32),
        st.integers(0, 2**32),
        st.dictionaries(st.text(), st.binary()),
        st.integers(0, 2**62),
        st.none() | st.binary(),
    ),
)


def begun(id_: str = "20260101-000000", at: datetime | None = None) -> Begun:
    return Begun(id_, at or now(), "0", "kvm1", "/", "root", os.getpid(), ("vnc-requires-tls",))


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "state")


def read_again(transaction: Transaction) -> Transaction:
    return load(transaction.path, transaction.sealer)


def test_what_was_noted_is_read_again(journal: Journal) -> None:
    made = journal.begin(begun(), room=1000)
    step = made.writing(CONF, FILE, Nothing(), (SetConf("vnc_tls", 1),), ("vnc-requires-tls",))
    made.written(step, Nothing())
    second = made.activating(Activation("restart", "libvirtd"), {CONF: FILE})
    made.activated(second, [Nothing()])
    found = read_again(made)
    assert found.status is Status.INTERRUPTED
    assert (found.before(found.steps[1]), found.after(found.steps[1]), found.stored(found.steps[1])) == (
        FILE, Nothing(), Nothing(),
    )  # fmt: skip
    assert found.touched(found.steps[2]) == [(CONF, FILE, Nothing())]
    assert journal.open_transaction() is not None
    for record, status in (
        (Applied(now(), 5.0, "boot"), Status.UNCONFIRMED),
        (Confirmed(now()), Status.APPLIED),
        (Undoing(now(), "asked for"), Status.UNDOING),
        (Undone(1), Status.UNDOING),
        (RolledBack(now()), Status.ROLLED_BACK),
    ):
        found.add(record)
        assert read_again(found).status is status
    assert read_again(found).steps[1].undone
    assert journal.open_transaction() is None


def test_no_secret_stands_in_it_and_only_its_owner_may_read_it(journal: Journal) -> None:
    made = journal.begin(begun())
    made.written(made.writing(CONF, FILE, FILE), FILE)
    made.activating(Activation("grub"), {CONF: FILE})
    for path in journal.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert SECRET not in path.read_bytes()
            assert path.stat().st_mode & 0o077 == 0
    assert (journal.folder / "journal").stat().st_mode & 0o077 == 0


def test_files_are_private_from_the_first_byte(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    modes: list[int] = []
    real = os.open

    def watched(path: object, flags: int, mode: int = 0o777, **rest: object) -> int:
        if flags & os.O_CREAT:
            modes.append(mode)
        return real(path, flags, mode, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", watched)
    os.umask(os.umask(0))
    journal.begin(begun())
    assert modes
    assert set(modes) == {0o600}


@given(image=IMAGES)
def test_a_sealed_image_is_opened_in_its_own_place_alone(image: Image) -> None:
    sealer = Sealer(bytes(32))
    sealed = sealer.sealed(image, "a/1/before")
    assert sealer.opened(sealed, "a/1/before") == image
    for other, where in ((sealer, "a/2/before"), (Sealer(b"k" * 32), "a/1/before")):
        with pytest.raises(BrokenSeal):
            other.opened(sealed, where)
    with pytest.raises(BrokenSeal):
        sealer.opened("%%%", "a/1/before")


@pytest.mark.parametrize("cut", [1, 10, 40])
def test_a_last_line_that_was_cut_short_announces_nothing(journal: Journal, cut: int) -> None:
    made = journal.begin(begun())
    made.writing(CONF, FILE, Nothing())
    made.written(1, Nothing())
    with made.path.open("r+b") as file:
        file.truncate(made.path.stat().st_size - cut)
    found = read_again(made)
    assert found.steps[1].done is None
    found.add(Undoing(now(), "interrupted"))
    assert read_again(found).status is Status.UNDOING


def test_damage_is_told_with_its_place(journal: Journal) -> None:
    made = journal.begin(begun())
    made.add(Undoing(now(), "x"))
    for text, said in (
        (b"{}\n", ":1: "), (b"", "empty"), (made.path.read_bytes().splitlines(keepends=True)[1], ":1: no beginning"),
        (made.path.read_bytes() + b'{"type":"Written","step":7,"stored":""}\n', ":3: "),
    ):  # fmt: skip
        made.path.write_bytes(text)
        with pytest.raises(BadJournal, match=said):
            read_again(made)


def test_two_transactions_of_one_second_have_two_names(journal: Journal) -> None:
    assert [journal.begin(begun()).id for _ in range(3)] == [
        "20260101-000000",
        "20260101-000000-002",
        "20260101-000000-003",
    ]
    assert len(list(journal.history())) == 3
    assert journal.find("../journal/20260101-000000") is None


def test_journals_are_not_kept_for_ever(journal: Journal) -> None:
    old = journal.begin(begun("20200101-000000", datetime(2020, 1, 1, tzinfo=UTC)))
    open_one = journal.begin(begun("20200102-000000", datetime(2020, 1, 2, tzinfo=UTC)))
    old.add(Applied(now()))
    today = old.begun.at + KEPT + timedelta(days=1, hours=1)
    assert journal.expire(today) == ["20200101-000000"]
    assert [each.id for each in journal.history()] == [open_one.id]


HOLD = "import sys; from pathlib import Path; from virtwarden.journal import Journal\n" + (
    "with Journal(Path(sys.argv[1])).locked() as held:\n    print('held', flush=True); sys.stdin.read()\n"
)


def test_the_lock_is_for_one_and_free_when_its_holder_is_gone(journal: Journal) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(journal.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy, match=f"process {holder.pid}"), journal.locked():
        pass
    holder.kill()
    holder.communicate()
    assert (journal.folder / "lock").read_text() == f"{holder.pid}\n"
    with journal.locked():
        assert (journal.folder / "lock").read_text() == f"{os.getpid()}\n"


def test_a_program_that_still_runs_keeps_the_lock(journal: Journal) -> None:
    with journal.locked() as held:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(held,))
    with pytest.raises(Busy, match="program that an interrupted process started"), journal.locked():
        pass
    child.kill()
    child.wait()
    with journal.locked(patience=2.0):
        pass


def test_room_is_kept_before_anything_is_noted(journal: Journal) -> None:
    made = journal.begin(begun(), room=1 << 20)
    assert made.path.stat().st_size < 1000
    assert made.path.stat().st_blocks * 512 >= 1 << 20
