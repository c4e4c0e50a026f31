"""What libvirt must write into the audit log of a guest that is started and destroyed, and in which order.

In libvirt's own order: the labels that it was given (VIRT_MACHINE_ID), the network devices that were opened for it and
the devices that its cgroup denies and allows (VIRT_RESOURCE), what it starts with, and at last that it started
(VIRT_CONTROL). Source: libvirt's src/qemu/qemu_process.c and src/conf/domain_audit.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from virtwarden.lab import ThrowAway
from virtwarden.model import Observation
from virtwarden.prove.heard import Heard, events, word

_ID, _RESOURCE, _CONTROL = "VIRT_MACHINE_ID", "VIRT_RESOURCE", "VIRT_CONTROL"
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Expected:
    """A record that must come: in words, and how it is told."""

    claim: str
    type: str
    words: tuple[tuple[str, str], ...]
    step: int

    def found_in(self, heard: Sequence[tuple[int, Heard]]) -> list[tuple[int, Heard]]:
        """Where it stands among the guest's records."""
        return [(at, each) for at, each in heard if self._is(each.of(self.type))]

    def _is(self, text: str) -> bool:
        return bool(text) and all(word(text, name) == value for name, value in (*self.words, ("res", "success")))


def expected(guest: ThrowAway, has_device_cgroup: Callable[[], bool]) -> Iterator[Expected]:
    """All that must come of this guest's life, by step."""
    for model in guest.models:
        yield Expected(f"a starting guest's {model} label is recorded", _ID, (("model", model),), 0)
    opened = (("resrc", "net"), ("reason", "open"), ("net", guest.mac))
    yield Expected("the network device opened for a guest is recorded", _RESOURCE, opened, 1)
    if has_device_cgroup():
        denied = (("resrc", "cgroup"), ("reason", "deny"), ("class", "all"))
        yield Expected("that a guest is denied all devices is recorded", _RESOURCE, denied, 1)
        allowed = (("resrc", "cgroup"), ("reason", "allow"))
        yield Expected("the devices that a guest is allowed are recorded", _RESOURCE, allowed, 1)
    for what, field, value in (
        ("network card that a guest starts with is", "net", guest.mac),
        ("memory that a guest starts with is", "mem", str(guest.memory)),
        ("processors that a guest starts with are", "vcpu", "1"),
    ):
        words = (("resrc", field), ("reason", "start"), (f"new-{field}", value))
        yield Expected(f"the {what} recorded", _RESOURCE, words, 2)
    started = (("op", "start"), ("reason", "booted"))
    yield Expected("the start of a guest is recorded", _CONTROL, started, 3)
    stopped = (("op", "stop"), ("reason", "destroyed"))
    yield Expected("that a guest was destroyed is recorded", _CONTROL, stopped, 4)


def judged(guest: ThrowAway, lines: Sequence[str], wanted: Sequence[Expected]) -> Iterator[Observation]:
    """Which of the wanted records came, and whether they came in their order."""
    heard = [
        (at, each)
        for at, each in enumerate(events(lines))
        if any(word(text, "uuid") == guest.uuid for type_, text in each.lines if type_.startswith("VIRT_"))
    ]
    found = [(each, each.found_in(heard)) for each in wanted]
    for each, records in found:
        if records:
            more = f" and {len(records) - _SHOWN} more" if len(records) > _SHOWN else ""
            ids = ", ".join(record.id for _, record in records[:_SHOWN])
            yield Observation(each.claim, True, f"{each.type} {ids}{more}")
        else:
            asked = " ".join(f"{name}={value}" for name, value in each.words)
            yield Observation(each.claim, False, f"no {each.type} with {asked} came for uuid {guest.uuid}")
    yield _in_order(found)


def _in_order(found: Sequence[tuple[Expected, list[tuple[int, Heard]]]]) -> Observation:
    claim = "a guest's records come in the order in which things happen"
    if any(not records for _, records in found):
        return Observation(claim, None, "some of them are missing")
    for (early, first), (late, second) in ((a, b) for a in found for b in found if a[0].step < b[0].step):
        if first[-1][0] > second[0][0]:
            said = f"{early.type} {first[-1][1].id} came after {late.type} {second[0][1].id}"
            return Observation(claim, False, said)
    return Observation(claim, True, "labels, devices, what it starts with, the start, the stop")
