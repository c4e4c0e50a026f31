"""A scan turns whatever a check does into findings, and keeps what was found before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.kit import guest, guests, made
from virtwarden.control import Check, Control, Findings
from virtwarden.controls import every_control
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy, PolicyError, WaiverEntry
from virtwarden.host import Absent, Host, Unknown
from virtwarden.judgements import passed
from virtwarden.model import HOST, Evidence, Severity, Subject
from virtwarden.profiles import DEFAULT, Profile, load, shipped
from virtwarden.scan import about_guest, guest_names, judge, scan


def control(check: Check) -> Control:
    return Control(
        module="virtwarden.controls.tcb.made_up", doc="A made-up thing.", severity=Severity.LOW, check=check
    )


def one_pass() -> Findings:
    yield passed(HOST, "good", Evidence("x", path="/x"))


def ending_in(end: Exception) -> Check:
    def check(host: Host) -> Findings:
        yield from one_pass()
        raise end

    return check


@pytest.mark.parametrize(
    ("end", "word", "says"),
    [
        (Absent("there is no QEMU"), "notapplicable", "there is no QEMU"),
        (Unknown("/etc/x: permission denied"), "unknown", "/etc/x: permission denied"),
        (KeyError("oops"), "error", "KeyError: 'oops'"),
        (RecursionError("deep"), "error", "RecursionError: deep"),
    ],
)
def test_what_a_check_raises_becomes_a_finding_behind_those_it_made(end: Exception, word: str, says: str) -> None:
    outcome = judge(control(ending_in(end)), made())
    assert [finding.result for finding in outcome.findings] == ["pass", word]
    assert says in outcome.findings[1].message


def test_a_defect_says_where_it_is() -> None:
    (_, defect) = judge(control(ending_in(KeyError("x"))), made()).findings
    assert defect.evidence[0].path == __name__
    assert defect.evidence[0].line


def test_a_control_that_finds_nothing_is_not_applicable() -> None:
    def nothing(host: Host) -> Iterator[None]:
        return iter(())

    assert judge(control(nothing), made()).result == "notapplicable"  # type: ignore[arg-type]


def test_a_scan_names_the_host_and_takes_the_policys_waivers() -> None:
    policy = Policy(waiver=(WaiverEntry(control="made-up", reason="r", owner="o", ends=date(2027, 1, 1)),))
    host = made(policy, files={"/etc/hostname": "kvm7\n"})
    report = scan(host, [control(lambda _: one_pass())])
    assert (report.host, report.profile, report.waivers[0].owner) == ("kvm7", "baseline", "o")
    assert scan(made(), []).host == "a made host"


def test_a_host_without_libvirt_is_judged_in_what_it_has() -> None:
    host = made(files={"/proc/cmdline": "quiet\n"})
    with pytest.raises(Absent, match="libvirt is not installed"):
        host.get(Libvirt)
    outcomes = {outcome.control: outcome for outcome in scan(host, every_control()).outcomes}
    assert len(outcomes) == len(every_control())
    assert outcomes["qemu-seccomp-on"].result == "notapplicable"
    assert {o.result for o in outcomes.values()} <= {"pass", "fail", "unknown", "notapplicable"}


def test_a_report_can_be_narrowed_to_one_guest() -> None:
    def check(host: Host) -> Findings:
        yield from one_pass()
        for name in ("web", "web2", "web vda"):
            yield passed(Subject("guest", name), "good")

    report = about_guest(scan(made(), [control(check), control(lambda _: one_pass())]), "web")
    assert [[f.subject.name for f in outcome.findings] for outcome in report.outcomes] == [["web", "web vda"]]
    assert guest_names(made(guests(guest(name="a")))) == ["a"]


def test_every_shipped_profile_selects_controls_that_exist() -> None:
    assert set(shipped()) == {"baseline", "blueprint", "strict"}
    for name in shipped():
        assert load(name).select(every_control())
    assert all(c.sections for c in load("blueprint").select(every_control()))
    assert DEFAULT in shipped()


def test_a_profile_file_of_the_site(tmp_path: Path) -> None:
    path = tmp_path / "ours.toml"
    path.write_text(
        'title = "t"\ndescription = "d"\ncontrols = ["qemu-seccomp-on"]\n[policy.tcb]\nallow_smt = false\n'
    )
    profile = load(str(path))
    assert (profile.name, [c.id for c in profile.select(every_control())]) == ("ours", ["qemu-seccomp-on"])
    path.write_text('title = "t"\ndescription = "d"\nleave_out = ["qemu-secomp-on"]\n')
    with pytest.raises(PolicyError, match="did you mean qemu-seccomp-on"):
        load(str(path)).select(every_control())
    path.write_text('title = "t"\n')
    with pytest.raises(PolicyError, match="missing required field"):
        load(str(path))
    with pytest.raises(PolicyError, match="cannot be read"):
        load(str(path.with_name("none.toml")))
    with pytest.raises(PolicyError, match="did you mean strict"):
        load("strickt")


def test_a_profile_leaves_out_what_it_says() -> None:
    profile = Profile("x", "t", "d", leave_out=("qemu-seccomp-on",))
    assert "qemu-seccomp-on" not in {c.id for c in profile.select(every_control())}
