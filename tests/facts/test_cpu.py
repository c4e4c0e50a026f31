"""What the kernel says of the processor's faults and of sharing its cores."""

import pytest

from tests.kit import made, refusing
from virtwarden.facts.cpu import VULNERABILITIES, Cpu
from virtwarden.host import Unknown


def test_each_fault_is_read_with_its_line_and_a_refused_one_is_kept() -> None:
    files: dict[str, str | Unknown] = {
        f"{VULNERABILITIES}/meltdown": "Mitigation: PTI\n",
        f"{VULNERABILITIES}/mds": "Mitigation: Clear CPU buffers; SMT vulnerable\n",
        f"{VULNERABILITIES}/retbleed": Unknown("permission denied"),
        "/sys/devices/system/cpu/smt/active": "1\n",
    }
    cpu = made(files=files).get(Cpu)
    assert cpu.vulnerabilities["meltdown"].value == "Mitigation: PTI"
    assert cpu.vulnerabilities["mds"].evidence.path == f"{VULNERABILITIES}/mds"
    assert cpu.unread == {"retbleed": "permission denied"}
    assert cpu.shares_cores is True


def test_a_kernel_may_not_say_whether_cores_are_shared() -> None:
    assert made(files={f"{VULNERABILITIES}/l1tf": "Not affected\n"}).get(Cpu).shares_cores is None


def test_a_kernel_that_says_nothing_is_unknown() -> None:
    with pytest.raises(Unknown, match="too old"):
        made().get(Cpu)
    with pytest.raises(Unknown, match="denied"):
        refusing().get(Cpu)
