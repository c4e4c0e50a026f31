"""The limits in a guest's XML: on its processors, its disks and its network interfaces.

None stands for no limit, as does 0 and a negative quota, which libvirt takes for none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from virtwarden.facts.domain import Definition, Disk
from virtwarden.formats.digits import signed

_PERIOD = 100_000

Rate = Literal["iops", "bytes"]


def shares(definition: Definition) -> int | None:
    """Its weight against other guests; None where it has the kernel's own."""
    return _number(definition.get("cputune/shares"))


def cpu_percent(definition: Definition) -> float | None:
    """The most it may take of the host's processors, in percent of one: what all of it, or its virtual
    processors together, may use in each period."""
    whole = _percent(definition, "global_")
    each = _percent(definition, "")
    ceilings = [ceiling for ceiling in (whole, None if each is None else each * definition.vcpus) if ceiling]
    return min(ceilings, default=None)


def _percent(definition: Definition, prefix: str) -> float | None:
    quota = _number(definition.get(f"cputune/{prefix}quota"))
    period = _number(definition.get(f"cputune/{prefix}period")) or _PERIOD
    return None if quota is None or quota <= 0 or period <= 0 else 100 * quota / period


def disk_rate(definition: Definition, disk: Disk, rate: Rate) -> int | None:
    """The most that a disk may do in a second, by its own `<iotune>` or the throttle groups that it is in."""
    groups = (element.get("group") for element in disk.xml.iterfind("throttlefilters/throttlefilter"))
    limits = [_rate(disk.iotune, rate), *(_rate(_throttle_group(definition, name), rate) for name in groups)]
    return min((limit for limit in limits if limit is not None), default=None)


def _rate(limits: Mapping[str, int], rate: Rate) -> int | None:
    total = limits.get(f"total_{rate}_sec", 0)
    if total > 0:
        return total
    read, write = limits.get(f"read_{rate}_sec", 0), limits.get(f"write_{rate}_sec", 0)
    return read + write if read > 0 and write > 0 else None


def _throttle_group(definition: Definition, name: str | None) -> Mapping[str, int]:
    for element in definition.xml.iterfind("throttlegroups/throttlegroup"):
        if element.findtext("group_name") == name:
            numbers = ((str(child.tag), _number(child.text)) for child in element)
            return {key: number for key, number in numbers if number is not None}
    return {}


def lowest(limits: Iterable[int | None]) -> int | None:
    """The strictest of several limits."""
    return min((limit for limit in limits if limit is not None), default=None)


def _number(text: str | None) -> int | None:
    return None if text is None else signed(text.strip())
