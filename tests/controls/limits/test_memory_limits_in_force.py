"""The memory limit that a guest is meant to have holds for its process."""

from dataclasses import replace

import pytest

from tests.kit import guest, guests, judge, made, results
from tests.limitshost import IN_RHEL6, IN_V1, RHEL6, SCOPE, V1, V2, Files, grouped, host, memtune
from virtwarden.controls.limits.memory_limits_in_force import CONTROL
from virtwarden.facts.mounts import Mounts
from virtwarden.facts.processes import GuestProcesses
from virtwarden.host import Unknown

LIMITED = guest(extra=memtune("<hard_limit unit='GiB'>2</hard_limit>"), running=True)
TWO = 2 << 30
NONE_V1 = 9223372036854771712
MAX = f"/sys/fs/cgroup{SCOPE}/memory.max"
REFUSED = Unknown("permission denied")


@pytest.mark.parametrize(
    ("mounts", "cgroup", "path"),
    [
        (V2, f"0::{SCOPE}/libvirt/emulator\n", MAX),
        (V1, IN_V1, f"/sys/fs/cgroup/memory{SCOPE}/memory.limit_in_bytes"),
        (RHEL6, IN_RHEL6, "/cgroup/memory/libvirt/qemu/web/memory.limit_in_bytes"),
    ],
)
def test_a_limit_that_holds_passes_in_every_version(mounts: str, cgroup: str, path: str) -> None:
    (finding,) = judge(CONTROL, host(LIMITED, facts=(grouped(cgroup),), mounts=mounts, files={path: f"{TWO}\n"}))
    assert (finding.result, finding.evidence[0].path) == ("pass", path)


def test_a_limit_that_is_only_written_fails() -> None:
    (finding,) = judge(CONTROL, host(LIMITED, facts=(grouped(),), files={MAX: "max\n"}))
    assert (finding.result, finding.message) == ("fail", "nothing holds its process, its XML says 2 GiB")
    assert "virsh memtune web --hard-limit 2097152 --live" in finding.fix[0].edit.steps  # type: ignore[union-attr]
    path = f"/sys/fs/cgroup/memory{SCOPE}/memory.limit_in_bytes"
    old = host(LIMITED, facts=(grouped(IN_V1),), mounts=V1, files={path: f"{NONE_V1}\n"})
    assert results(CONTROL, old) == ["fail"]


def test_a_larger_limit_fails_and_a_lower_one_above_the_group_passes() -> None:
    larger = {MAX: f"{2 * TWO}\n"}
    (finding,) = judge(CONTROL, host(LIMITED, facts=(grouped(),), files=larger))
    assert (finding.result, finding.message) == ("fail", "its process is held to 4 GiB, its XML says 2 GiB")
    above = larger | {"/sys/fs/cgroup/machine.slice/memory.max": f"{TWO // 2}\n"}
    assert results(CONTROL, host(LIMITED, facts=(grouped(),), files=above)) == ["pass"]


def test_what_cannot_be_read_is_unknown_unless_the_rest_is_enough() -> None:
    slice_ = "/sys/fs/cgroup/machine.slice/memory.max"
    worlds: tuple[Files, ...] = (
        {},
        {MAX: REFUSED},
        {MAX: "max\n", slice_: REFUSED},
        {MAX: f"{2 * TWO}\n", slice_: REFUSED},
    )
    for files in worlds:
        assert results(CONTROL, host(LIMITED, facts=(grouped(),), files=files)) == ["unknown"], files
    assert results(CONTROL, host(LIMITED, facts=(grouped(),), files={MAX: f"{TWO}", slice_: REFUSED})) == ["pass"]


def test_a_process_whose_group_is_not_known_is_unknown() -> None:
    for processes in (GuestProcesses({}), grouped("0::/../../machine.slice/x\n"), grouped("2:pids:/\n")):
        assert results(CONTROL, host(LIMITED, facts=(processes,), files={MAX: f"{TWO}\n"})) == ["unknown"]
    assert results(CONTROL, host(LIMITED, facts=(grouped(),), mounts="proc /proc proc rw 0 0\n")) == ["unknown"]
    blind = made(guests(LIMITED), grouped(), Mounts(REFUSED, REFUSED))
    assert results(CONTROL, blind) == ["unknown"]


def test_guests_without_a_limit_are_left_out() -> None:
    assert results(CONTROL, host(guest(running=True))) == ["notapplicable"]
    both = host(LIMITED, guest(name="db", running=True), facts=(grouped(),), files={MAX: f"{TWO}\n"})
    assert results(CONTROL, both) == ["pass"]
    idle = guest(extra=memtune("<hard_limit unit='GiB'>2</hard_limit>"))
    assert results(CONTROL, host(idle)) == ["notapplicable"]
    assert results(CONTROL, made(replace(guests(idle), liveness="refused"))) == ["unknown"]
