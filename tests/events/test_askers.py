"""Who asked for a start or a stop: a wrong name is worse than none."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest

from tests.events.made import UNSET, Guest, Made
from virtwarden.events import sessions
from virtwarden.events.model import Asker, Session, Skipped
from virtwarden.events.virsh import asks

ALICE, BOB = 1000, 1001
WEB, DB = Guest("web"), Guest("db")


def told(made: Made, place: Path) -> list[Session]:
    return list(sessions([str(made.write(place / "audit.log"))], Skipped()))


def who(asker: Asker | None) -> int | None:
    return None if asker is None else asker.auid


def askers(made: Made, place: Path) -> list[tuple[int | None, int | None]]:
    """Of each session who asked for its start and who for its end."""
    return [(who(each.asked), who(each.end_asked)) for each in told(made, place)]


def guests(line: str, kind: str) -> set[str]:
    """The guests that a line of plain words is to start, or to stop."""
    return {ask.guest for ask in asks(line.split()) if ask.kind.value == kind}


# Which of several commands


@pytest.mark.parametrize("verb", ["start", "destroy"])
def test_a_command_that_sudo_and_the_kernel_both_recorded_is_one(tmp_path: Path, verb: str) -> None:
    made = Made()
    if verb == "destroy":
        made.start(WEB)
    made.sudo(f"/usr/bin/virsh {verb} web")
    made.ran("virsh", verb, "web")
    if verb == "start":
        made.start(WEB)
    made.stop(WEB, "destroyed")
    made.wait(60)
    made.start(WEB)
    made.wait(60)
    made.stop(WEB, "destroyed")
    first = (ALICE, None) if verb == "start" else (None, ALICE)
    assert askers(made, tmp_path) == [first, (None, None)]


def test_a_command_that_another_went_past_is_not_blamed_later(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    made.ran("virsh", "shutdown", "web", auid=ALICE)
    made.wait(30)
    made.ran("virsh", "destroy", "web", auid=BOB)
    made.stop(WEB, "destroyed")
    made.start(WEB)
    made.wait(60)
    made.stop(WEB, "shutdown")
    assert askers(made, tmp_path) == [(None, BOB), (None, None)]


def test_a_command_for_another_guest_stays(tmp_path: Path) -> None:
    made = Made()
    made.ran("virsh", "start", "db", auid=BOB)
    made.ran("virsh", "start", "web", auid=ALICE)
    made.start(WEB)
    made.start(DB)
    made.wait(1)
    assert sorted((each.guest, who(each.asked)) for each in told(made, tmp_path)) == [
        ("db", BOB), ("web", ALICE),
    ]  # fmt: skip


def test_a_stop_that_was_asked_for_before_the_guest_started_is_not_the_cause_of_a_later_one(
    tmp_path: Path,
) -> None:
    made = Made()
    made.ran("virsh", "shutdown", "web", auid=BOB)
    made.ran("virsh", "start", "web", auid=ALICE)
    made.start(WEB)
    made.wait(60)
    made.stop(WEB)
    assert askers(made, tmp_path) == [(ALICE, None)]


def test_a_stop_that_was_asked_for_while_the_guest_started_is(tmp_path: Path) -> None:
    made = Made()
    made.ran("virsh", "start", "web", auid=ALICE)
    made.ran("virsh", "shutdown", "web", auid=BOB)
    made.start(WEB)
    made.wait(60)
    made.stop(WEB)
    assert askers(made, tmp_path) == [(ALICE, BOB)]


def test_a_command_later_than_what_happened_is_not_its_cause(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    made.stop(WEB, "destroyed")
    made.ran("virsh", "destroy", "web")
    assert askers(made, tmp_path) == [(None, None)]


# Which command does what


@pytest.mark.parametrize("reason", ["shutdown", "crashed", "failed", "destroyed"])
def test_to_undefine_a_guest_does_not_stop_it(tmp_path: Path, reason: str) -> None:
    made = Made()
    made.start(WEB)
    made.ran("virsh", "undefine", "web")
    made.stop(WEB, reason)
    assert askers(made, tmp_path) == [(None, None)]


@pytest.mark.parametrize(
    "words",
    [
        ("snapshot-create-as", "web", "save"), ("dump", "web", "save", "--crash"), ("reset", "web"), ("reboot", "web"),
        ("domrename", "web", "destroy"), ("desc", "web", "--title", "destroy"), ("list", "destroy"), ("web", "save"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("reason", ["shutdown", "crashed", "saved", "destroyed"])
def test_a_word_that_only_looks_like_a_verb_stops_nothing(tmp_path: Path, words: tuple[str], reason: str) -> None:
    made = Made()
    made.start(WEB)
    made.ran("virsh", *words)
    made.stop(WEB, reason)
    assert askers(made, tmp_path) == [(None, None)]


STARTS = {
    ("start", "web"): ("booted", "restored"),
    ("create", "/etc/libvirt/qemu/web.xml"): ("booted",),
    ("restore", "/var/lib/libvirt/save/web.save"): ("restored",),
    ("snapshot-revert", "web", "before"): ("from-snapshot",),
    ("-c", "qemu+ssh://other/system", "migrate", "web", "qemu:///system"): ("migrated",),
}
STOPS = {
    ("destroy", "web"): ("destroyed",),
    ("shutdown", "web", "--mode", "acpi"): ("shutdown",),
    ("save", "web", "/tmp/web.save"): ("saved",),
    ("managedsave", "web"): ("saved",),
    ("migrate", "web", "qemu+ssh://other/system"): ("migrated",),
    ("snapshot-revert", "web", "--current"): ("from-snapshot",),
}


@pytest.mark.parametrize(
    ("words", "reason"), list(product(STARTS, ["booted", "restored", "migrated", "from-snapshot"]))
)
def test_a_command_starts_a_guest_only_in_its_own_way(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    made = Made()
    made.ran("virsh", *words)
    made.start(WEB, reason)
    assert askers(made, tmp_path) == [(ALICE if reason in STARTS[words] else None, None)]


@pytest.mark.parametrize(
    ("words", "reason"),
    list(product(STOPS, ["destroyed", "shutdown", "saved", "migrated", "from-snapshot", "crashed", "failed"])),
)
def test_a_command_stops_a_guest_only_in_its_own_way(tmp_path: Path, words: tuple[str, ...], reason: str) -> None:
    made = Made()
    made.start(WEB)
    made.ran("virsh", *words)
    made.stop(WEB, reason)
    assert askers(made, tmp_path) == [(None, ALICE if reason in STOPS[words] else None)]


def test_going_back_to_a_snapshot_is_the_cause_of_a_stop_and_a_start(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    made.sudo("virsh snapshot-revert web before")
    made.ran("virsh", "snapshot-revert", "web", "before")
    made.stop(WEB, "from-snapshot")
    made.start(WEB, "from-snapshot")
    assert askers(made, tmp_path) == [(None, ALICE), (ALICE, None)]


# How a command is written


@pytest.mark.parametrize(
    "before",
    [
        "", "-c qemu:///system", "-cqemu:///system", "--connect qemu:///system", "--connect=qemu:///system", "-d 0",
        "--debug=4", "-l start", "--log destroy", "--log=x", "-k 5", "-K 3", "--keepalive-count 3", "-e ^]", "-q -t",
        "-qt", "-qc qemu:///system", "--quiet --timing", "--", "-c qemu+ssh://root@localhost/system",
        "-c qemu+unix:///system?socket=/run/x",
    ],
)  # fmt: skip
def test_the_verb_stands_behind_options_of_virsh_itself(before: str) -> None:
    assert guests(f"/usr/bin/virsh {before} start web", "start") == {"web"}


@pytest.mark.parametrize(
    "line",
    [
        "virsh -r start web", "virsh --readonly start web", "virsh -h start web", "virsh --version start web",
        "virsh -c qemu+ssh://other/system start web", "virsh -c other start web", "virsh -c", "virsh",
        "virsh --x start web",
        "virsh start", "virsh start --domain", "virsh start --help web", "virsh start web now", "man virsh start web",
        "vim /usr/bin/virsh start web", "virsh -d start web", "virsh connect qemu+ssh://other/ ; start web",
    ],
)  # fmt: skip
def test_what_starts_nothing_here_is_no_cause(line: str) -> None:
    assert guests(line, "start") == set()


@pytest.mark.parametrize(
    "words",
    [
        ["--domain", "web"], ["--domain=web"], ["web"], ["--graceful", "web"], ["--", "web"], [WEB.uuid],
        ["--remove-logs", "--domain", "web", "--graceful"],
    ],
)  # fmt: skip
def test_a_guest_is_named_in_several_ways(tmp_path: Path, words: list[str]) -> None:
    made = Made()
    made.start(WEB)
    made.ran("virsh", "destroy", *words)
    made.stop(WEB, "destroyed")
    assert askers(made, tmp_path) == [(None, ALICE)]


def test_the_value_of_an_option_is_not_the_guest() -> None:
    assert guests("virsh shutdown --mode acpi web", "stop") == {"web"}
    assert guests("virsh migrate --live --dname db web qemu+ssh://other/system", "stop") == {"web"}
    assert guests("virsh snapshot-revert --snapshotname db web", "stop") == {"web"}


@pytest.mark.parametrize("before", [[], ["-c", "qemu:///system"], ["-q"]])
@pytest.mark.parametrize(
    "line", ["start web; destroy db", "start web;destroy db", "start 'web' ;; destroy \"db\";"]
)
def test_one_word_may_hold_several_commands(tmp_path: Path, before: list[str], line: str) -> None:
    made = Made()
    made.start(DB)
    made.ran("virsh", *before, line)
    made.start(WEB)
    made.stop(DB, "destroyed")
    assert {each.guest: (who(each.asked), who(each.end_asked))
            for each in told(made, tmp_path)} == {"web": (ALICE, None), "db": (None, ALICE)}  # fmt: skip


def test_sudo_writes_several_commands_without_quotes(tmp_path: Path) -> None:
    made = Made()
    made.sudo("virsh destroy db; start web")
    made.start(WEB)
    assert askers(made, tmp_path) == [(ALICE, None)]


def test_a_guest_is_stopped_and_started_by_one_word(tmp_path: Path) -> None:
    made = Made()
    made.start(WEB)
    made.ran("virsh", "destroy web; start web")
    made.stop(WEB, "destroyed")
    made.start(WEB)
    assert askers(made, tmp_path) == [(None, ALICE), (ALICE, None)]


def test_a_name_with_blanks_is_one_word(tmp_path: Path) -> None:
    made = Made()
    made.ran("virsh", "start", "my web")
    made.start(Guest("my web"))
    assert askers(made, tmp_path) == [(ALICE, None)]


@pytest.mark.parametrize("line", ["start 'web", "start web\\", ";", " ", "start " + "web " * 4000])
def test_a_word_that_virsh_would_not_understand_asks_nothing(line: str) -> None:
    assert asks(["virsh", line]) == []


# What was not run


def test_what_sudo_refused_is_no_cause(tmp_path: Path) -> None:
    made = Made()
    message = 'cwd="/home/alice" cmd=' + b"virsh start web".hex().upper()
    made.told("USER_CMD", message, exe="/usr/bin/sudo", uid=ALICE, auid=ALICE, ok=False)
    made.start(WEB)
    assert askers(made, tmp_path) == [(None, None)]


def test_a_title_that_is_cut_off_names_no_guest(tmp_path: Path) -> None:
    made = Made()
    title = ("virsh\0destroy\0--domain\0" + "x" * 200)[:127]
    guest = Guest(title.rsplit("\0", 1)[1])
    made.start(guest)
    call = made.syscall(pid=5555, auid=ALICE, comm="virsh")
    made.event(call, ("PROCTITLE", f"proctitle={title.encode().hex().upper()}", ""))
    made.stop(guest, "destroyed")
    assert askers(made, tmp_path) == [(None, None)]


def test_many_other_commands_do_not_push_one_out(tmp_path: Path) -> None:
    made = Made()
    made.ran("virsh", "start", "web")
    for _ in range(600):
        made.ran("virsh", "domstats", "web", auid=UNSET)
    made.start(WEB)
    assert askers(made, tmp_path) == [(ALICE, None)]
