"""What a guest writes to its console and log takes a bounded part of the host's disk."""

from tests.kit import judge, made, results
from virtwarden.controls.limits.console_logs_bounded import CONTROL
from virtwarden.edits import SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.model import Evidence

QEMU, LOGD = "/etc/libvirt/qemu.conf", "/etc/libvirt/virtlogd.conf"
SHIPPED = "#max_size = 2097152\n\n#max_backups = 3\n"


def host(qemu: str = "", logd: str = SHIPPED, version: tuple[int, int, int] | None = (9, 0, 0)) -> Host:
    said = Evidence("libvirtd (libvirt) 9.0.0", argv=("libvirtd", "--version"), code=0)
    libvirt = Libvirt(frozenset({"libvirtd"}), modular=False, version=version, evidence=(said,))
    return made(libvirt, files={QEMU: qemu, LOGD: logd})


def test_libvirts_own_values_pass() -> None:
    handler, bound = judge(CONTROL, host())
    assert (handler.result, bound.result) == ("pass", "pass")
    assert bound.message == "a log takes 8 MiB at most"
    assert results(CONTROL, made(Libvirt(frozenset({"virtqemud"}), modular=True))) == ["pass", "pass"]


def test_qemu_writing_itself_fails_with_the_fix() -> None:
    (finding,) = judge(CONTROL, host('stdio_handler = "file"\n'))
    assert finding.message == "stdio_handler is file: QEMU writes its logs itself, without bound"
    assert (finding.fix[0].edit, finding.evidence[0].line) == (SetConf("stdio_handler", "logd"), 1)


def test_logs_that_are_never_rolled_over_fail() -> None:
    _, finding = judge(CONTROL, host(logd="max_size = 0\n"))
    assert (finding.result, finding.message) == ("fail", "max_size is 0: logs are never rolled over")
    assert [change.edit for change in finding.fix] == [SetConf("max_size", 2097152)]


def test_logs_without_measure_fail() -> None:
    _, finding = judge(CONTROL, host(logd="max_size = 104857600\nmax_backups = 99\n"))
    assert (finding.result, finding.message) == ("fail", "a log may take 9.8 GiB")
    assert [change.edit.key for change in finding.fix] == ["max_size", "max_backups"]  # type: ignore[union-attr]
    assert [evidence.line for evidence in finding.evidence] == [1, 2]


def test_libvirt_before_virtlogd_fails() -> None:
    (finding,) = judge(CONTROL, host(version=(0, 10, 2)))
    assert finding.result == "fail"
    assert finding.evidence
    assert results(CONTROL, host(version=None)) == ["pass", "pass"]


def test_a_file_that_cannot_be_read_is_unknown() -> None:
    refused = made(Libvirt(frozenset({"libvirtd"}), modular=False), QemuConf(), files={LOGD: Unknown("denied")})
    assert results(CONTROL, refused) == ["pass", "unknown"]
