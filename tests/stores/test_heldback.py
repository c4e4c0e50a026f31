"""Clients are held back for a moment and let in again whoever is killed; a stand-in for virt-admin keeps the limits."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.apply.killing import killed_at, points_of
from tests.stores.fakes import Fakes, fakes
from virtwarden.stores import heldback
from virtwarden.stores.heldback import Door, Limits, doors
from virtwarden.stores.images import StoreError
from virtwarden.stores.programs import Programs
from virtwarden.stores.tlsreload import TlsDaemon

SITES = "300 37"
ADMIN = """\
shift 2
case $1 in
server-clients-info) read -r all new <{limits}
    printf 'nclients_max : %s\\nnclients : 0\\nnclients_unauth_max : %s\\nnclients_unauth : 0\\n' "$all" "$new" ;;
server-clients-set) [ ! -e {refuses} ] || {{ echo "error: not now" >&2; exit 1; }}
    echo "$4 $6" >{limits}.new && mv {limits}.new {limits} ;;
esac
"""


class Daemon:
    """The limits of a daemon, and our door to it."""

    def __init__(self, folder: Path, programs: Fakes) -> None:
        self.folder, self.programs = folder, programs
        self.refuses = folder / "refuses"
        (folder / "limits").write_text(f"{SITES}\n")
        programs.add("virt-admin", ADMIN.format(limits=folder / "limits", refuses=self.refuses))
        self.door = Door("libvirtd", Programs(), folder / "notes")

    @property
    def limits(self) -> str:
        return (self.folder / "limits").read_text().strip()

    @property
    def doors(self) -> list[Door]:
        return list(doors(Programs(), self.folder / "notes"))

    def hold(self) -> None:
        with self.door.held():
            assert self.limits == "1 1"

    def note(self, limits: Limits) -> None:
        self.door.notes.mkdir(exist_ok=True)
        self.door._note(limits)


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setattr(heldback, "environment", dict)
    monkeypatch.setattr("virtwarden.stores.programs.environment", dict)
    (tmp_path / "libvirtd.pid").write_text(f"{os.getpid()}\n")
    monkeypatch.setattr(heldback, "_PID_FILES", (f"{tmp_path}/{{}}.pid",))
    monkeypatch.setattr(heldback, "_SOCKET", str(tmp_path / "no-socket"))
    return Daemon(tmp_path, fakes(tmp_path / "bin", monkeypatch))


def seen(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def test_the_sites_limits_hold_again_afterwards(daemon: Daemon) -> None:
    daemon.hold()
    assert daemon.limits == SITES
    assert daemon.doors == []


def test_they_do_where_something_goes_wrong_meanwhile(daemon: Daemon) -> None:
    with pytest.raises(KeyError), daemon.door.held():
        raise KeyError
    assert daemon.limits == SITES


def test_they_do_wherever_we_are_killed_without_our_doing(daemon: Daemon) -> None:
    closed = 0
    for point in range(1, points_of(daemon.hold) + 1):
        assert killed_at(point, daemon.hold)
        closed += daemon.limits != SITES
        assert seen(lambda: daemon.limits == SITES), f"killed at {point}"
        list(map(Door.mend, daemon.doors))
        assert daemon.doors == []
        assert daemon.limits == SITES
    assert closed > 0


def test_what_nobody_mended_is_mended_by_the_next(daemon: Daemon) -> None:
    daemon.note(Limits(300, 37, daemon.door._daemon()))
    (daemon.folder / "limits").write_text("1 1\n")
    daemon.hold()
    assert daemon.limits == SITES, "not those that it found"
    daemon.note(Limits(300, 37, daemon.door._daemon()))
    (daemon.folder / "limits").write_text("1 1\n")
    assert [door.mend() for door in daemon.doors] == [True]
    assert daemon.limits == SITES
    assert daemon.doors == []


def test_a_daemon_that_began_anew_keeps_the_limits_of_its_conf_file(daemon: Daemon) -> None:
    daemon.note(Limits(5, 5, f"{os.getpid()} 1"))
    assert [door.mend() for door in daemon.doors] == [False]
    assert daemon.limits == SITES
    assert daemon.doors == []


def test_what_cannot_be_mended_is_said_with_the_command_that_does(daemon: Daemon) -> None:
    with pytest.raises(StoreError, match=r"set libvirtd --max-clients 300 --max-unauth-clients 37$"):  # noqa: SIM117
        with daemon.door.held():
            daemon.refuses.touch()
    assert len(daemon.doors) == 1
    daemon.refuses.unlink()
    assert daemon.doors[0].mend()
    assert daemon.limits == SITES


@pytest.mark.parametrize("text", ["", "{", "[]", '{"clients": "many"}', "\xff"])
def test_a_note_that_is_none_is_ignored(daemon: Daemon, text: str) -> None:
    daemon.note(Limits(5, 5))
    (daemon.door.notes / "libvirtd").write_text(text, "latin-1")
    daemon.hold()
    assert daemon.limits == SITES


def test_a_daemon_that_refuses_to_hold_back_is_not_told_to_read(daemon: Daemon) -> None:
    daemon.refuses.touch()
    with pytest.raises(StoreError, match="libvirtd"):
        daemon.hold()
    assert daemon.limits == SITES


def test_a_note_that_cannot_be_read_is_no_missing_one(daemon: Daemon) -> None:
    (daemon.door.notes / "libvirtd").mkdir(parents=True)
    with pytest.raises(StoreError, match="is a directory"):
        daemon.door.mend()


@pytest.mark.parametrize("silent", ["client-list", "client-info"])
def test_nothing_is_reloaded_where_the_daemon_does_not_tell_of_its_clients(daemon: Daemon, silent: str) -> None:
    """Not to know who shakes hands is not to know that nobody does, and a reload in a handshake ends the daemon."""
    told = " 1    tls         2026-11-30 20:00:00+0000"
    said = f"echo '{told}'"
    script = f"""\
shift 2
case $1 in
{silent}*) echo "error: Failed to connect to the admin server" >&2; exit 1 ;;
client-list) {said} ;;
*) touch {daemon.folder}/reloaded ;;
esac
"""
    daemon.programs.add("virt-admin", script)
    with pytest.raises(StoreError, match="does not tell"):
        TlsDaemon("libvirtd", Programs()).reload()
    assert not (daemon.folder / "reloaded").exists()
