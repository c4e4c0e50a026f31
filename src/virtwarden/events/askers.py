"""Who asked for a guest to be started or stopped: the daemon's records name only its own user, but where commands are
recorded (an audit rule on virsh, or sudo's own records) the one that fits is known."""

from __future__ import annotations

from virtwarden.events.model import Asker, Control, Event, EventId, Kind
from virtwarden.events.records import CommandPart

_PATIENCE = 600_000
"""How long, in milliseconds, a guest may take to start or to shut down after it was asked for."""
_REMEMBERED = 512
_STARTS = frozenset(("start", "create", "restore", "migrate", "snapshot-revert"))
_STOPS = frozenset(("destroy", "shutdown", "save", "managedsave", "migrate", "snapshot-revert", "undefine"))


class _Command:
    __slots__ = ("auid", "id", "user", "words")

    def __init__(self, id_: EventId) -> None:
        self.id = id_
        self.auid: int | None = None
        self.user: str | None = None
        self.words: tuple[str, ...] = ()


class Askers:
    """The commands of virsh that were seen lately on one host."""

    __slots__ = ("_commands",)

    def __init__(self) -> None:
        self._commands: dict[EventId, _Command] = {}

    def take(self, part: CommandPart) -> None:
        """Remember a record of a command."""
        command = self._commands.get(part.id)
        if command is None:
            command = self._commands[part.id] = _Command(part.id)
            if len(self._commands) > _REMEMBERED:
                del self._commands[next(iter(self._commands))]
        command.auid = part.auid if part.auid is not None else command.auid
        command.user = part.user or command.user
        command.words = part.words or command.words

    def forget(self) -> None:
        """The host booted."""
        self._commands.clear()

    def of(self, event: Event) -> Asker | None:
        """Who asked for this start or stop; a command answers for one event only."""
        verbs = _STARTS if event.kind is Kind.START else _STOPS
        names = {event.guest, event.uuid}
        for command in reversed(self._commands.values()):
            if not 0 <= event.id.millis - command.id.millis <= _PATIENCE:
                continue
            if verbs.isdisjoint(command.words) or names.isdisjoint(command.words) or command.auid is None:
                continue
            assert isinstance(event.detail, Control)
            if event.detail.reason != "migrated":  # one command moves a guest from here to there
                del self._commands[command.id]
            return Asker(command.auid, command.user, " ".join(command.words), command.id)
        return None
