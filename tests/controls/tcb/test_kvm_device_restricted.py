"""Only those who run guests may open /dev/kvm."""

from tests.kit import entry, judge, made, refusing, results
from virtwarden.controls.tcb.kvm_device_restricted import CONTROL
from virtwarden.edits import Replace, SetMode
from virtwarden.facts.kernel import Value
from virtwarden.facts.kvm_access import KvmDevice
from virtwarden.model import Evidence

RULE = Evidence("a rule", path="/usr/lib/udev/rules.d/80-kvm.rules", line=1)
OPEN = entry("/dev/kvm", kind="char", mode=0o666, group="kvm")
SHUT = entry("/dev/kvm", kind="char", mode=0o660, group="kvm")


def test_a_node_open_to_everybody_fails_in_both_states_with_the_fixes() -> None:
    disk, now = judge(CONTROL, made(KvmDevice(OPEN, Value("0666", RULE))))
    assert (disk.result, disk.message) == ("fail", "udev gives it mode 0666: every user may open it")
    assert isinstance(disk.fix[0].edit, Replace)
    assert (now.result, now.fix[0].edit) == ("fail", SetMode(mode=0o660, group="kvm"))


def test_a_node_for_its_group_passes() -> None:
    assert results(CONTROL, made(KvmDevice(SHUT, Value("0660", RULE)))) == ["pass", "pass"]


def test_either_side_may_be_unknown() -> None:
    assert results(CONTROL, made(KvmDevice(SHUT, None, "", "no rule"))) == ["unknown", "pass"]
    assert results(CONTROL, made(KvmDevice(None, Value("0660", RULE), "an image"))) == ["pass", "unknown"]


def test_a_host_without_kvm_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown", "unknown"]
