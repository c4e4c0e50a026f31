"""How much memory and how many processors the host has to share out."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.capacity import HostMemory, HostProcessors, size
from virtwarden.host import Unknown

ONLINE = "/sys/devices/system/cpu/online"


def test_memory_is_what_the_kernel_has() -> None:
    meminfo = "MemTotal:       16309588 kB\nMemFree:          412344 kB\n"
    memory = made(files={"/proc/meminfo": meminfo}).get(HostMemory)
    assert (memory.total_kib, memory.evidence.line) == (16309588, 1)


@pytest.mark.parametrize(("online", "count"), [("0\n", 1), ("0-7\n", 8), ("0-3,8-11,13\n", 9)])
def test_processors_are_those_online(online: str, count: int) -> None:
    assert made(files={ONLINE: online}).get(HostProcessors).online == count


@pytest.mark.parametrize("fact", [HostMemory, HostProcessors])
def test_what_the_kernel_does_not_tell_is_unknown(fact: type[HostMemory | HostProcessors]) -> None:
    for host in (refusing(), made(), made(files={"/proc/meminfo": "", ONLINE: "all\n"})):
        with pytest.raises(Unknown, match="the host has"):
            host.get(fact)


@pytest.mark.parametrize(
    ("kib", "written"),
    [
        (4, "4 KiB"),
        (1024, "1 MiB"),
        (1536, "1.5 MiB"),
        (1 << 20, "1 GiB"),
        (3 << 29, "1.5 TiB"),
        (1 << 30, "1 TiB"),
    ],
)
def test_sizes_are_written_in_the_largest_unit(kib: int, written: str) -> None:
    assert size(kib) == written
