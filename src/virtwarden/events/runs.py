"""One guest between its start and its end, while the log is read."""

from __future__ import annotations

import msgspec

from virtwarden.events.model import Asker, Ending, Event, EventId, Label, Session

Key = str | tuple[str, str]
"""What of a label tells guests apart."""


class Run(msgspec.Struct, eq=False):
    """What is known so far of a session. Its state is `before` (it ran when the log began), `starting` (records
    of its start, none of its success), `failed` (libvirt took the start back), `running`."""

    guest: str
    uuid: str
    user: int | None
    user_name: str | None
    state: str
    id: str
    first: EventId
    virt: str = ""
    pid: int | None = None
    started: int | None = None
    reason: str = ""
    asked: Asker | None = None
    end_asked: Asker | None = None
    labels: list[Label] = []
    models: set[str] = set()
    paths: set[str] = set()
    held: list[tuple[dict[Key, dict[Run, None]], Key]] = []
    proof: list[EventId] = []

    @classmethod
    def begun(cls, event: Event, state: str) -> Run:
        """A session of which this is the first record."""
        uuid, id_ = event.uuid or "", event.id
        told = "?" if state == "before" else str(id_)
        return cls(event.guest or "", uuid, event.user, event.user_name, state, f"{uuid}@{told}", id_)

    def ended(self, host: str, ending: Ending, at: int | None, exact: bool = True) -> Session:
        """The session that it was."""
        return Session(
            self.id, host, self.guest, self.uuid, self.virt, self.pid, self.user, self.user_name, self.started,
            self.reason, self.asked, at, ending, self.end_asked, exact, tuple(self.labels), tuple(self.proof),
        )  # fmt: skip
