"""Guests that live at random on a host that reboots and crashes: the sessions that come out are those that were made,
and each denial and anomaly is told of the session in which it happened, though labels and process ids come again."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events.made import Guest, Made
from virtwarden.events import Event, Session, Skipped, sessions, told
from virtwarden.events.model import Ending, EventId, Kind

Lived = tuple[str, int | None, int | None, Ending]
"""Uuid, start, end where it is exact, ending."""
_STOPS = ("shutdown", "destroyed", "crashed", "saved", "migrated", "from-snapshot")
_LEVELS = [f"s0:c{low},c{low + 9}" for low in range(8)]
_PIDS = range(2000, 2012)


@dataclass
class World:
    """A host, its guests, and what should come out."""

    chance: Random
    host: Made
    guests: list[Guest]
    running: dict[str, tuple[Guest, int]] = field(default_factory=dict)
    lived: list[Lived] = field(default_factory=list)
    ties: dict[EventId, tuple[str, int] | None] = field(default_factory=dict)

    def live(self, steps: int) -> None:
        """Let so many things happen."""
        deeds = [self.start_or_stop] * 5 + [
            self.start_again,
            self.deny,
            self.deny,
            self.abend,
            self.touch,
            self.plug,
        ]
        deeds += [self.go_down, self.rotate]
        self.host.boot()
        for _ in range(steps):
            self.host.wait(self.chance.choice((0, 0.01, 1, 50, 3600)))
            self.host.noise(self.chance.choice((0, 0, 3, 40)))
            self.chance.choice(deeds)(self.chance.choice(self.guests))
        for guest, began in self.running.values():
            self.lived.append((guest.uuid, began, None, Ending.RUNNING))

    def start_or_stop(self, guest: Guest) -> None:
        """Whichever it can."""
        if guest.name in self.running:
            _, began = self.running.pop(guest.name)
            reason = self.chance.choice(_STOPS)
            self.lived.append((guest.uuid, began, self.host.stop(guest, reason).millis, Ending(reason)))
            return
        others = [other for other, _ in self.running.values()]
        guest.level = self.chance.choice(
            [level for level in _LEVELS if all(level != other.level for other in others)]
        )
        guest.pid = self.chance.choice([pid for pid in _PIDS if all(pid != other.pid for other in others)])
        if self.chance.random() < 0.15:
            at = self.host.fail_to_start(guest).millis
            self.lived.append((guest.uuid, at, at, Ending.NOT_STARTED))
        else:
            self.running[guest.name] = guest, self.host.start(guest).millis

    def start_again(self, guest: Guest) -> None:
        """Its stop is never told."""
        if guest.name in self.running:
            self.lived.append((guest.uuid, self.running[guest.name][1], None, Ending.NOT_TOLD))
            self.running[guest.name] = guest, self.host.start(guest).millis

    def deny(self, guest: Guest) -> None:
        """Something is denied to its process, if it runs."""
        if guest.name in self.running:
            self.ties[self.host.denied(guest, "/etc/shadow")] = self.session(guest)

    def abend(self, guest: Guest) -> None:
        """Its process is ended by a signal."""
        if guest.name in self.running:
            self.ties[self.host.abended(guest)] = self.session(guest)

    def touch(self, guest: Guest) -> None:
        """Somebody tries to read its disk; of one that does not run, the label may be another's by now."""
        held = any(other.level == guest.level for other, _ in self.running.values())
        at = self.host.touched(guest)
        if guest.name in self.running or not held:
            self.ties[at] = self.session(guest)

    def plug(self, guest: Guest) -> None:
        """A disk comes."""
        if guest.name in self.running:
            self.host.attach(guest, "disk", f"/srv/{self.host.serial}.img")

    def go_down(self, guest: Guest) -> None:
        """The host shuts down, or crashes, and boots."""
        self.host.noise(100)  # so that the numbers of the next boot are lower
        down = self.host.shut_down().millis if self.chance.random() < 0.5 else None
        self.lived += [(each.uuid, began, down, Ending.HOST_DOWN) for each, began in self.running.values()]
        self.running.clear()
        self.host.wait(self.chance.choice((30, 300)))
        self.host.boot()

    def rotate(self, guest: Guest) -> None:
        """auditd begins a new file, or starts anew."""
        self.host.daemon_record(self.chance.choice(("rotate", "start")), "auid=0 pid=190")

    def session(self, guest: Guest) -> tuple[str, int] | None:
        """What it lives in now."""
        return (guest.uuid, self.running[guest.name][1]) if guest.name in self.running else None


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.sampled_from(["selinux", "apparmor"]), st.booleans())
def test_sessions_and_ties_are_those_that_were_made(chance: Random, lsm: str, enriched: bool) -> None:
    guests = [Guest(f"guest{number}") for number in range(chance.randint(1, 5))]
    world = World(chance, Made(lsm=lsm, enriched=enriched), guests)
    world.live(chance.randint(3, 60))
    with tempfile.TemporaryDirectory() as folder:
        log = str(world.host.write(Path(folder) / "audit.log"))
        found = list(sessions([log], Skipped()))
        every = list(told([log], Skipped()))
    assert sorted(map(_lived, found), key=str) == sorted(world.lived, key=str)
    assert sorted(map(_lived, _sessions(every)), key=str) == sorted(world.lived, key=str)
    began = {each.id: (each.uuid, each.started) for each in _sessions(every)}
    events = [each for each in every if isinstance(each, Event) and each.kind in (Kind.DENIAL, Kind.ANOMALY)]
    assert {each.id: began.get(each.session or "") for each in events if each.id in world.ties} == world.ties


def _sessions(every: list[Event | Session]) -> list[Session]:
    return [each for each in every if isinstance(each, Session)]


def _lived(each: Session) -> Lived:
    return each.uuid, each.started, each.ended if each.exact else None, each.ending
