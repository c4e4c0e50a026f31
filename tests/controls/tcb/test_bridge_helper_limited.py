"""QEMU's bridge helper lets no user into every bridge."""

from tests.kit import entry, judge, made, refusing, results
from virtwarden.controls.tcb.bridge_helper_limited import CONTROL
from virtwarden.edits import RemoveLine, SetMode
from virtwarden.host import Absent, Host, Unknown

LIST = "/etc/qemu/bridge.conf"
HELPER = "/usr/libexec/qemu-bridge-helper"
SETUID = entry(HELPER, mode=0o4755)


def host_of(text: str | Unknown | None, mode: int = 0o640) -> Host:
    files: dict[str, str | bytes | Unknown | Absent] = {} if text is None else {LIST: text}
    return made(files=files, stats=[SETUID, entry(LIST, mode=mode)])


def test_a_line_that_allows_all_bridges_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, host_of("# ours\nallow  all\n"))
    assert (finding.result, finding.evidence[0].line) == ("fail", 2)
    assert finding.fix[0].edit == RemoveLine("allow  all")
    assert finding.evidence[1].text == "4755 root: acts as root for everybody"


def test_lists_are_followed_as_far_as_they_include_each_other() -> None:
    files = {LIST: "include /etc/qemu/a\n", "/etc/qemu/a": "include /etc/qemu/b\ninclude /etc/qemu/a\n",
             "/etc/qemu/b": "allow all\n"}  # fmt: skip
    (finding,) = judge(CONTROL, made(files=files))
    assert (finding.result, finding.fix[0].document.name) == ("fail", "/etc/qemu/b")


def test_bridges_by_name_pass() -> None:
    assert results(CONTROL, host_of("allow virbr0\ndeny br0\n")) == ["pass"]


def test_a_list_that_allows_nothing_passes() -> None:
    (finding,) = judge(CONTROL, host_of("deny all\n"))
    assert (finding.result, finding.message) == ("pass", "no list allows a bridge")


def test_a_helper_without_a_list_passes() -> None:
    assert results(CONTROL, made(stats=[entry(HELPER, mode=0o755)])) == ["pass"]


def test_a_list_that_others_may_write_fails() -> None:
    (finding, *_) = judge(CONTROL, host_of("allow virbr0\n", mode=0o664))
    assert finding.fix[0].edit == SetMode(mode=0o644, owner="root", group="root")


def test_a_list_that_is_refused_is_unknown() -> None:
    assert results(CONTROL, host_of(Unknown(f"{LIST}: permission denied"))) == ["unknown"]


def test_a_list_without_a_helper_is_judged_too() -> None:
    (finding,) = judge(CONTROL, made(files={LIST: "allow all\n"}))
    assert (finding.result, len(finding.evidence)) == ("fail", 1)


def test_a_host_without_the_helper_is_not_judged() -> None:
    assert results(CONTROL, made()) == ["notapplicable"]


def test_a_host_that_answers_nothing_is_unknown() -> None:
    assert results(CONTROL, refusing()) == ["unknown"]
