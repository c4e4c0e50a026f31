"""Guests do not share pages of memory."""

import pytest

from tests.kit import judge, made, refusing, results
from virtwarden.controls.tcb.memory_sharing_off import CONTROL
from virtwarden.edits import RemoveLine, SetLine, SetState
from virtwarden.facts.kernel import Value
from virtwarden.facts.memory import PageMerging
from virtwarden.facts.policy import Policy, Tcb
from virtwarden.facts.units import Unit, Units
from virtwarden.host import Absent
from virtwarden.model import Evidence

HERE = Evidence("1", path="/sys/kernel/mm/ksm/run", line=1)
LISTED = Evidence("a unit", argv=("systemctl",), code=0)


def units(**states: str) -> Units:
    files = {f"{name}.service": Unit(f"{name}.service", state, LISTED) for name, state in states.items()}
    return Units(files)


def merging(run: str) -> PageMerging:
    return PageMerging(Value(run, HERE))


def test_merging_and_units_that_start_it_fail_with_the_fix() -> None:
    now, disk = judge(CONTROL, made(merging("1"), units(ksm="enabled", ksmtuned="enabled")))
    assert (now.result, now.state, disk.result, disk.state) == ("fail", "in force", "fail", "on disk")
    assert [change.edit for change in disk.fix] == [SetState("disabled"), SetState("disabled")]


def test_stopped_and_parted_pages_pass() -> None:
    assert results(CONTROL, made(merging("0"), units(ksm="disabled"))) == ["pass", "pass"]
    assert results(CONTROL, made(merging("2"), units(ssh="enabled"))) == ["pass", "pass"]


def test_a_kernel_that_cannot_merge_is_not_judged_and_unknown_units_are_unknown() -> None:
    assert results(CONTROL, made(Units({}))) == ["notapplicable", "unknown"]


def test_a_switch_that_says_what_no_kernel_says_is_unknown() -> None:
    found = judge(CONTROL, made(units(ksm="disabled"), files={"/sys/kernel/mm/ksm/run": "what\n"}))
    assert [finding.result for finding in found] == ["unknown", "pass"]


def test_a_policy_that_wants_it_is_heeded() -> None:
    host = made(merging("1"), units(ksm="enabled"), Policy(tcb=Tcb(share_memory=True)))
    assert results(CONTROL, host) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown", "unknown"]


@pytest.mark.parametrize(("told", "result"), [("AUTO", "fail"), ('"1"', "fail"), ("0", "pass"), ("", "pass")])
def test_ubuntus_qemu_turns_it_on_where_it_is_told_to(told: str, result: str) -> None:
    files = {"/etc/default/qemu-kvm": f"KSM_ENABLED={told}\nSLEEP_MILLISECS=200\n"}
    disk = judge(CONTROL, made(merging("0"), units(**{"qemu-kvm": "enabled"}), files=files))[1]
    assert disk.result == result
    assert [change.edit for change in disk.fix] == [SetLine("KSM_ENABLED", "0", "=")] * (result == "fail")
    assert results(CONTROL, made(merging("0"), units(ssh="enabled"), files=files)) == ["pass", "pass"]


def test_a_file_of_qemus_that_does_not_speak_of_it_or_is_broken() -> None:
    quiet = {"/etc/default/qemu-kvm": "SLEEP_MILLISECS=200\n"}
    assert results(CONTROL, made(merging("0"), units(**{"qemu-kvm": "enabled"}), files=quiet)) == ["pass", "pass"]
    broken = {"/etc/default/qemu-kvm": 'KSM_ENABLED="1\n'}
    assert results(CONTROL, made(merging("0"), units(**{"qemu-kvm": "enabled"}), files=broken)) == [
        "pass",
        "unknown",
    ]
    assert results(CONTROL, made(merging("0"), units(**{"qemu-kvm": "enabled"}))) == ["pass", "pass"]


RUN = "/sys/kernel/mm/ksm/run"


def test_a_line_of_tmpfiles_that_turns_it_on_fails_with_its_line() -> None:
    line = f"w {RUN} - - - - 1"
    files = {"/etc/tmpfiles.d/ksm.conf": f"# for more guests\n{line}\n"}
    _, disk = judge(CONTROL, made(merging("1"), units(ssh="enabled"), files=files))
    assert (disk.result, disk.evidence[0].where) == ("fail", "/etc/tmpfiles.d/ksm.conf:2")
    assert disk.fix[0].edit == RemoveLine(line)


def test_the_last_line_of_tmpfiles_by_name_holds_and_a_masked_file_does_not_count() -> None:
    on, off = f"w {RUN} - - - - 1\n", f"w {RUN} - - - - 0\n"
    later = {"/usr/lib/tmpfiles.d/a.conf": on, "/etc/tmpfiles.d/b.conf": off}
    masked = {"/usr/lib/tmpfiles.d/a.conf": on, "/etc/tmpfiles.d/a.conf": ""}
    for files in (later, masked):
        assert results(CONTROL, made(merging("0"), units(ssh="enabled"), files=files)) == ["pass", "pass"]
    gone = {"/etc/tmpfiles.d/a.conf": Absent("a link that leads nowhere")}
    assert results(CONTROL, made(merging("0"), units(ssh="enabled"), files=gone)) == ["pass", "pass"]


def test_the_links_of_a_runlevel_are_cited_by_their_directory() -> None:
    links = {"/etc/rc.d/rc3.d/S01dbus": "", "/sys/kernel/mm/ksm/run": "0\n"}
    *_, finding = judge(CONTROL, made(files=links))
    assert (finding.result, finding.evidence[0].path) == ("pass", "/etc/rc.d/rc3.d")
