"""The terminal report: what it says, how wide it is, and when it has colour."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from unittest.mock import patch

import pytest
from rich.cells import cell_len

from tests.report.conftest import Compare
from tests.report.made import HOSTILE, big, hostile, report
from virtwarden.edits import Do
from virtwarden.model import (
    HOST,
    Change,
    Document,
    Evidence,
    Finding,
    Outcome,
    Report,
    Result,
    Safety,
    Severity,
    State,
    Subject,
)
from virtwarden.report import layout
from virtwarden.report.layout import Charset, Detail, Palette, Style, style_for
from virtwarden.report.text import render

ANSI = re.compile(r"\x1b\[[0-9;]*m")


def _judged(*findings: Finding) -> Report:
    return replace(report(), waivers=(), outcomes=(Outcome("c", "t", "tcb", Severity.LOW, (), findings),))


@pytest.mark.parametrize("width", [60, 100, 160])
def test_it_reads_as_it_did_when_it_was_last_looked_at(width: int, golden: Compare) -> None:
    golden(f"report-{width}.txt", render(report(), Style(width)))


@pytest.mark.parametrize("detail", [Detail.BRIEF, Detail.FULL])
def test_the_other_depths_read_as_they_did(detail: Detail, golden: Compare) -> None:
    golden(f"report-{detail.name.lower()}.txt", render(report(), Style(detail=detail)))


def test_its_colours_are_those_that_were_last_looked_at(golden: Compare) -> None:
    golden("report-colour.txt", render(report(), Style(palette=Palette.COLOUR)))


@pytest.mark.parametrize("width", [60, 61, 80, 113, 200])
@pytest.mark.parametrize("detail", Detail)
def test_no_line_is_wider_than_asked(width: int, detail: Detail) -> None:
    for made in (report(), hostile()):
        for line in render(made, Style(width, detail=detail)).splitlines():
            assert cell_len(line) <= width, line


def test_colour_changes_nothing_but_colour() -> None:
    coloured = render(report(), Style(palette=Palette.COLOUR))
    assert ANSI.search(coloured)
    plain = "\n".join(line.rstrip() for line in ANSI.sub("", coloured).splitlines())
    assert plain == "\n".join(line.rstrip() for line in render(report()).splitlines())


@pytest.mark.parametrize("detail", Detail)
@pytest.mark.parametrize("charset", Charset)
def test_hostile_texts_are_shown_and_do_nothing(detail: Detail, charset: Charset) -> None:
    text = render(hostile(), Style(detail=detail, charset=charset))
    assert text.replace("\n", "").isprintable()
    assert r"\x1b[31mred" in text
    assert "[bold]rich[/bold]" in text or detail is not Detail.FULL


def test_hostile_texts_add_no_colour_codes_of_their_own() -> None:
    coloured = render(hostile(), Style(palette=Palette.COLOUR))
    assert ANSI.sub("", coloured).replace("\n", "").isprintable()


def test_ascii_terminals_get_ascii() -> None:
    assert render(report(), Style(charset=Charset.ASCII)).isascii()
    assert render(hostile(), Style(charset=Charset.ASCII)).isascii()


def test_no_control_drops_out() -> None:
    for detail in Detail:
        text = render(report(), Style(detail=detail))
        assert all(outcome.control in text for outcome in report().outcomes)


def test_controls_that_do_not_apply_for_one_reason_are_said_once() -> None:
    reason = "libvirt is not installed"
    outcomes = tuple(
        Outcome(f"c-{n}", "t", "remote", Severity.LOW, (), (Finding(HOST, Result.NOTAPPLICABLE, reason),))
        for n in range(39)
    )
    text = render(replace(report(), outcomes=outcomes))
    assert text.count(reason) == 1
    assert f"39 controls do not apply: {reason}" in text
    assert "Remote management" not in text


def test_many_guests_are_folded_into_a_number() -> None:
    text = render(big(2000, 3))
    assert "guests guest-0009, guest-0012, guest-0015 and 661 more" in text
    assert len(text.splitlines()) < 60


def test_a_failing_control_shows_evidence_and_fix() -> None:
    text = render(report())
    assert "/run/libvirt/qemu/web.xml:61  <graphics type='vnc' port='5900' listen='0.0.0.0'/>" in text
    assert "fix  /etc/libvirt/qemu.conf: set vnc_tls = 1" in text
    assert "ss -tulnp (exit 0)" in text


def test_waivers_are_shown_with_owner_and_end_and_expired_ones_are_named() -> None:
    text = render(report())
    assert "waived until 2026-06-30 by storage team: the backup agent reads it until the move" in text
    assert "the waiver of ops ended on 2026-01-31 and excuses nothing" in text
    assert "1 failure is waived. 1 waiver has expired." in text


def test_the_last_line_says_what_to_do_next() -> None:
    assert render(report()).endswith("virt-warden explain listeners-expected\n")


def test_a_host_on_which_all_is_well_is_told_so() -> None:
    text = render(_judged(Finding(HOST, Result.PASS, "m")))
    assert "Every control that applies passes." in text
    assert "explain" not in text


@pytest.mark.parametrize("result", [Result.UNKNOWN, Result.ERROR])
def test_what_could_not_be_told_is_never_called_a_pass(result: Result) -> None:
    text = render(_judged(Finding(HOST, result, "permission denied")))
    assert "passes" not in text
    assert "1 control could not be told from here." in text
    assert "permission denied" in text


def test_an_empty_report_can_be_read() -> None:
    assert "No control applies." in render(replace(report(), outcomes=()))


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"


def _style(stream: io.StringIO, **environ: str) -> Style:
    with patch.object(layout, "terminal_width", lambda: 133):
        return style_for(stream, environ)


def test_a_terminal_gets_colour_and_its_own_width() -> None:
    assert _style(_Terminal()) == Style(133, Palette.COLOUR, Charset.UNICODE)


def test_colour_can_be_refused() -> None:
    assert _style(_Terminal(), NO_COLOR="1").palette is Palette.PLAIN
    assert _style(_Terminal(), TERM="dumb").palette is Palette.PLAIN
    assert _style(_Terminal(), NO_COLOR="").palette is Palette.COLOUR


def test_a_pipe_gets_a_hundred_plain_columns() -> None:
    pipe = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    style = style_for(pipe, {"COLUMNS": "33"})
    assert style == Style(100, Palette.PLAIN, Charset.ASCII)


@pytest.mark.parametrize(("columns", "width"), [("20", 60), ("80", 80), ("999", 200)])
def test_the_width_stays_within_what_reads_well(columns: str, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert layout.terminal_width() == width


def test_long_names_are_cut() -> None:
    assert max(map(len, HOSTILE)) == 40_000
    assert max(map(len, render(hostile(), Style(200)).splitlines())) <= 200


def test_what_is_so_on_disk_and_in_force_is_said_once_with_evidence_of_both() -> None:
    def finding(state: State, path: str, fix: str) -> Finding:
        change = Change(Document("file", "/etc/x"), Do(fix), Safety.MANUAL)
        return Finding(
            Subject("guest", "web"), Result.FAIL, "is open", (change,), (Evidence("open", path=path),), state
        )

    disk, live = finding(State.ON_DISK, "/etc/a", "mend a"), finding(State.IN_FORCE, "/run/a", "mend a")
    text = render(_judged(live, disk))
    assert text.count("guest web: is open · on disk and in force") == 1
    assert text.count("is open ·") == text.count("mend a") == 1
    assert "/etc/a" in text
    assert "/run/a" in text
    both = render(_judged(disk, finding(State.IN_FORCE, "/run/a", "start it anew")))
    assert ("mend a" in both, "start it anew" in both) == (True, True)


def test_a_fix_that_was_just_told_is_not_told_again() -> None:
    change = Change(Document("file", "/etc/x"), Do("mend it"), Safety.MANUAL)
    findings = (Finding(HOST, Result.FAIL, said, (change,), (Evidence("x", path="/x"),)) for said in ("a", "b"))
    text = render(_judged(*findings))
    assert text.count("mend it") == text.count("fix  as above") == 1


def test_what_decided_is_shown_though_it_stands_at_the_end_of_a_long_line() -> None:
    cited = Evidence(f"linux /vmlinuz {'quiet ' * 20}mitigations=off", path="/boot/grub/grub.cfg", line=94)
    text = render(_judged(Finding(HOST, Result.FAIL, "mitigations are off", evidence=(cited,))))
    assert "mitigations=off" in text
    endless = replace(cited, text="word " * 1000)
    assert render(_judged(Finding(HOST, Result.FAIL, "too long", evidence=(endless,)))).count("word") <= 40


def test_findings_of_one_thing_in_the_same_words_are_said_once() -> None:
    twice = [
        Finding(HOST, Result.FAIL, "no audit=1", evidence=(Evidence("linux", path="/boot/grub.cfg", line=number),))
        for number in (1, 2)
    ]
    text = render(_judged(*twice))
    assert text.count("no audit=1") == 1
    assert "host" not in [words.strip() for words in text.splitlines()]
    assert "/boot/grub.cfg:1" in text
    assert "/boot/grub.cfg:2" in text


@pytest.mark.parametrize("width", range(60, 80))
def test_the_state_of_a_finding_is_not_torn_apart(width: int) -> None:
    said = "a message of some length that says what is the matter with this guest and why"
    text = render(_judged(Finding(HOST, Result.FAIL, said, state=State.IN_FORCE)), Style(width))
    assert "· in force" in text
    assert max(map(cell_len, text.splitlines())) <= width


def test_findings_that_came_out_otherwise_than_their_control_bear_a_sign_of_their_own() -> None:
    findings = (
        Finding(HOST, Result.FAIL, "is off"),
        Finding(HOST, Result.UNKNOWN, "cannot be read"),
        Finding(HOST, Result.PASS, "is on"),
    )
    told = [words.strip() for words in render(_judged(*findings), Style(detail=Detail.FULL)).splitlines()]
    assert {"is off", "? cannot be read", "✓ is on"} <= set(told)


def test_a_subject_that_its_message_names_is_named_once() -> None:
    finding = Finding(Subject("sysctl", "a.b"), Result.UNKNOWN, "sysctl a.b: /run is not part of an image")
    assert render(_judged(finding)).count("sysctl a.b") == 1


@pytest.mark.parametrize("width", [60, 61, 64, 100])
@pytest.mark.parametrize("numbers", [(1, 19, 1, 114), (135, 0, 0, 0), (1, 1, 1, 1), (84, 0, 43, 8)])
def test_the_bar_is_as_long_as_the_line_and_has_a_cell_for_each_result(
    width: int, numbers: tuple[int, ...]
) -> None:
    kinds = (Result.FAIL, Result.UNKNOWN, Result.PASS, Result.NOTAPPLICABLE)
    outcomes = tuple(
        Outcome(f"{kind}-{number}", "t", "tcb", Severity.LOW, (), (Finding(HOST, kind, "m"),))
        for kind, many in zip(kinds, numbers, strict=True)
        for number in range(many)
    )
    lines = render(replace(report(), waivers=(), outcomes=outcomes), Style(width)).splitlines()
    bar = next(words for words in lines if words and set(words) <= set("█▒░·…"))
    assert len(bar) == min(width, 64)
    assert {shade for shade, many in zip("█▒░·", numbers, strict=True) if many} == set(bar)


def test_one_control_fails_and_several_fail() -> None:
    one = _judged(Finding(HOST, Result.FAIL, "m"))
    assert "1 control of 1 fails: 1 low in severity." in render(one)
    two = replace(one, outcomes=(*one.outcomes, replace(one.outcomes[0], control="d")))
    assert "2 controls of 2 fail: 2 low in severity." in render(two)


def test_a_tab_in_evidence_is_a_gap() -> None:
    cited = Evidence("NoNewPrivs:\t0", path="/proc/1/status", line=47)
    text = render(_judged(Finding(HOST, Result.FAIL, "may gain privileges", evidence=(cited,))))
    assert "/proc/1/status:47  NoNewPrivs: 0" in text
