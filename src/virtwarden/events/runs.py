"""One guest between its start and its end, while the log is read."""

from __future__ import annotations

from virtwarden.events.model import Asker, Ending, Event, EventId, Label, Session

Key = str | tuple[str, str]
"""What of a label tells guests apart."""


class Run:
    """What is known so far of a session. Its state is `before` (it ran when the log began), `starting` (records
    of its start, none of its success), `failed` (libvirt took the start back), `running`."""

    __slots__ = (
        "asked", "end_asked", "first", "guest", "held", "id", "labels", "models", "paths", "pid", "proof", "reason",
        "started", "state", "user", "user_name", "uuid", "virt",
    )  # fmt: skip

    def __init__(self, event: Event, state: str) -> None:
        self.guest = event.guest or ""
        self.uuid = event.uuid or ""
        self.user, self.user_name = event.user, event.user_name
        self.state = state
        millis, serial = event.id.millis, event.id.serial
        told = "?" if state == "before" else f"{millis // 1000}.{millis % 1000:03d}:{serial}"
        self.id = f"{self.uuid}@{told}"
        self.first = event.id
        self.virt = ""
        self.pid: int | None = None
        self.started: int | None = None
        self.reason = ""
        self.asked: Asker | None = None
        self.end_asked: Asker | None = None
        self.labels: list[Label] = []
        self.models: set[str] = set()
        self.paths: set[str] = set()
        self.held: list[tuple[dict[Key, dict[Run, None]], Key]] = []
        self.proof: list[EventId] = []

    def ended(self, host: str, ending: Ending, at: int | None, exact: bool = True) -> Session:
        """The session that it was."""
        return Session(
            id=self.id, host=host, guest=self.guest, uuid=self.uuid, virt=self.virt, pid=self.pid, user=self.user,
            user_name=self.user_name, started=self.started, start_reason=self.reason, asked=self.asked, ended=at,
            ending=ending, end_asked=self.end_asked, exact=exact, labels=tuple(self.labels), proof=tuple(self.proof),
        )  # fmt: skip
