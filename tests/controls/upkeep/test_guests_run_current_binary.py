"""Every running guest runs the QEMU that is installed."""

from tests.kit import entry, guest, guests, judge, made, refusing, results
from virtwarden.controls.upkeep.guests_run_current_binary import CONTROL
from virtwarden.facts.guests import Guests
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.host import Host, Stat
from virtwarden.model import Evidence

EXE = "/proc/4321/exe"
QEMU = "/usr/bin/qemu-system-x86_64"


def host_of(program: Stat | None) -> Host:
    links = {} if program is None else {"exe": program}
    process = GuestProcess("web", 4321, {}, links, {"exe": "/proc/4321/exe: permission denied"})
    return made(guests(guest(running=True)), GuestProcesses({"web": process}))


def test_a_program_that_is_still_there_passes() -> None:
    (finding,) = judge(CONTROL, host_of(entry(EXE, real=QEMU)))
    assert (finding.result, finding.message, finding.state) == ("pass", f"it runs {QEMU}", "in force")


def test_a_replaced_program_fails_however_the_source_spells_it() -> None:
    for gone in (
        entry(EXE, real=EXE, links=0),
        entry(EXE, real=f"{QEMU} (deleted)"),
        entry(EXE, real=QEMU, links=0),
    ):
        (finding,) = judge(CONTROL, host_of(gone))
        assert (finding.result, finding.fix[0].document.name) == ("fail", "web")


def test_a_refused_link_and_an_unknown_process_are_unknown() -> None:
    assert results(CONTROL, host_of(None)) == ["unknown"]
    assert results(CONTROL, made(guests(guest(running=True)), GuestProcesses({}))) == ["unknown"]


def test_guests_that_do_not_run_are_not_judged() -> None:
    assert results(CONTROL, made(guests(guest()), GuestProcesses({}))) == ["notapplicable"]
    ended = GuestProcesses({}, None, frozenset({"web"}))
    unread = Guests((guest(running=True),), (Evidence("denied", path="/x.xml"),))
    assert results(CONTROL, made(unread, ended)) == ["unknown"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
