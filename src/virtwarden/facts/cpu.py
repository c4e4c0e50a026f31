"""What the kernel says of the processor's faults and of sharing its cores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Value
from virtwarden.facts.values import values_at
from virtwarden.host import Host, Unknown, Want, reading

VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"
_SMT = "/sys/devices/system/cpu/smt/active"


@dataclass(frozen=True, slots=True)
class Cpu:
    """`vulnerabilities` is the kernel's sentence on each fault by its name, `unread` why one could not be had.

    `smt` is "1" where threads share cores now; None where the kernel does not say.
    """

    vulnerabilities: dict[str, Value]
    unread: dict[str, str]
    smt: Value | None = None

    wants: ClassVar[tuple[Want, ...]] = (reading(f"{VULNERABILITIES}/*"), reading(_SMT))

    @property
    def shares_cores(self) -> bool | None:
        """Whether two threads may share a core now; None where the kernel does not say."""
        return None if self.smt is None else self.smt.value == "1"

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read what the kernel says. Raises `Unknown` where it says nothing, as kernels before 2018 do."""
        paths = host.source.glob(f"{VULNERABILITIES}/*")
        if not paths:
            raise Unknown(
                "this kernel says nothing of the processor's vulnerabilities; it is too old to know them"
            )
        values, refusals = values_at(host.source, paths)
        smt, _ = values_at(host.source, [_SMT])
        return cls(
            {path.rpartition("/")[2]: value for path, value in values.items()},
            {path.rpartition("/")[2]: refusal for path, refusal in refusals.items()},
            smt.get(_SMT),
        )
