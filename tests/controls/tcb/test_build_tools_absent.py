"""No compiler lies ready on the host."""

from tests.kit import entry, judge, made, refusing, results
from virtwarden.controls.tcb.build_tools_absent import CONTROL
from virtwarden.host import Unknown


def test_compilers_and_clients_of_old_fail_once_however_many_names_they_have() -> None:
    gcc = "/usr/bin/x86_64-linux-gnu-gcc-12"
    stats = [entry("/usr/bin/gcc", real=gcc), entry("/usr/bin/cc", real=gcc), entry("/usr/bin/telnet")]
    findings = judge(CONTROL, made(stats=stats))
    assert [(found.subject.name, found.message) for found in findings] == [
        ("/usr/bin/gcc", "is a compiler"),
        ("/usr/bin/telnet", "is a client without encryption"),
    ]
    assert {found.result.value for found in findings} == {"fail"}


def test_a_host_without_any_passes_and_so_does_one_where_rsh_is_sshs() -> None:
    (finding,) = judge(CONTROL, made(stats=[entry("/usr/bin/ls")]))
    assert (finding.result, finding.evidence[0].path) == ("pass", "/usr/bin")
    assert results(CONTROL, made(stats=[entry("/usr/bin/rsh", real="/usr/bin/ssh")])) == ["pass"]


def test_what_cannot_be_looked_at_is_unknown_and_where_no_programs_are_nothing_is_judged() -> None:
    assert set(results(CONTROL, refusing())) == {"unknown"}
    some = made(stats={"/usr/bin/gcc": Unknown("stale"), "/usr/bin/make": entry("/usr/bin/make")})
    assert results(CONTROL, some) == ["fail", "unknown"]
    assert results(CONTROL, made()) == ["notapplicable"]
