"""Core dumps of QEMU leave the guest's memory out."""

from tests.kit import guest, judge, results
from tests.storagehost import REFUSED, store
from virtwarden.controls.encryption.guest_cores_without_memory import CONTROL
from virtwarden.edits import SetAttribute, SetConf
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Host, Unknown
from virtwarden.model import State

DEFAULTS = QemuConf()
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max core file size        {0}                    {0}                    bytes
"""


def host(said: str, *, core: str | None = None, conf: QemuConf = DEFAULTS) -> Host:
    member = guest(running=True, pid=4321)
    for definition in member.definitions:
        memory = definition.xml.find("memory")
        assert memory is not None
        memory.set("dumpCore", said)
    status = "Name:\tqemu\n"
    files: dict[str, str | Unknown] = {"/proc/4321/status": status}
    if core is not None:
        files["/proc/4321/limits"] = LIMITS.format(core)
    return store(member, facts=[conf], files=files)


def test_the_defaults_pass() -> None:
    assert results(CONTROL, store(guest(running=True))) == ["pass", "pass", "pass"]
    assert results(CONTROL, host("off", core="0")) == ["pass", "pass", "pass"]


def test_memory_in_all_dumps_fails_unless_there_are_none() -> None:
    (finding,) = judge(CONTROL, store(facts=[QemuConf(dump_guest_core=True, max_core="unlimited")]))
    assert (finding.result, finding.message) == ("fail", "dumps have guest memory, and max_core is unlimited")
    assert finding.fix[0].edit == SetConf("dump_guest_core", 0)
    assert results(CONTROL, store(facts=[QemuConf(dump_guest_core=True)])) == ["pass"]


def test_a_guest_that_asks_for_it_fails_on_disk_and_in_force() -> None:
    conf = QemuConf(max_core="unlimited")
    _, on_disk, in_force = judge(CONTROL, host("on", core="unlimited", conf=conf))
    assert (on_disk.result, on_disk.state) == ("fail", State.ON_DISK)
    assert on_disk.fix[0].edit == SetAttribute("memory", "dumpCore", "off")
    assert (in_force.result, in_force.state) == ("fail", State.IN_FORCE)


def test_a_limit_of_nothing_keeps_dumps_from_being_made() -> None:
    _, on_disk, in_force = judge(CONTROL, host("on", core="0"))
    assert (on_disk.result, in_force.result) == ("pass", "pass")
    assert in_force.evidence[1].where == "/proc/4321/limits:3"


def test_a_limit_that_cannot_be_seen_excuses_nothing() -> None:
    assert results(CONTROL, host("on")) == ["pass", "pass", "fail"]
    world = host("on")
    world.source.files["/proc/4321/limits"] = "Limit\n"  # type: ignore[attr-defined]
    assert results(CONTROL, world) == ["pass", "pass", "fail"]
    gone = host("on")
    gone.source.files.pop("/proc/4321/status")  # type: ignore[attr-defined]
    assert results(CONTROL, gone) == ["pass", "pass", "fail"]
    refused = host("on")
    refused.source.files["/proc/4321/limits"] = REFUSED  # type: ignore[attr-defined]
    assert results(CONTROL, refused) == ["pass", "pass", "fail"]


def test_a_libvirt_without_the_setting_fails() -> None:
    old = Libvirt(frozenset({"libvirtd"}), modular=False, version=(0, 9, 4))
    first, *_ = judge(CONTROL, store(guest(), facts=[DEFAULTS, old]))
    assert (first.result, first.message.partition(":")[0]) == ("fail", "libvirt 0.9.4 has no such setting")
    assert first.evidence
