"""Who asked for a guest to be started or stopped: the daemon's records name only its own user, but where commands are
recorded (an audit rule on virsh, or sudo's own records) the one that fits is known."""

from __future__ import annotations

from virtwarden.events.model import Asker, Control, Event, EventId
from virtwarden.events.others import CommandPart
from virtwarden.events.virsh import Ask, asks

_PATIENCE = 600_000
"""How long, in milliseconds, a guest may take to start or to shut down after it was asked for."""
_REMEMBERED = 512


class _Command:
    __slots__ = ("asks", "auid", "id", "user", "words")

    def __init__(self, id_: EventId) -> None:
        self.id = id_
        self.auid: int | None = None
        self.user: str | None = None
        self.words: tuple[str, ...] = ()
        self.asks: list[Ask] = []


class Askers:
    """The commands of virsh that were seen lately on one host, found by the guests that they are about."""

    __slots__ = ("_asked", "_commands")

    def __init__(self) -> None:
        self._commands: dict[EventId, _Command] = {}
        self._asked: dict[str, list[tuple[_Command, Ask]]] = {}

    def take(self, part: CommandPart) -> None:
        """Remember a record of a command, unless it asks nothing of a guest."""
        command = self._commands.get(part.id)
        if command is None:
            command = self._commands[part.id] = _Command(part.id)
            if len(self._commands) > _REMEMBERED:
                self._forget(next(iter(self._commands.values())))
        command.auid = part.auid if part.auid is not None else command.auid
        command.user = part.user or command.user
        if not part.words or command.words:
            return
        command.words = part.words
        command.asks = asks(part.words)
        if not command.asks:
            del self._commands[command.id]
        for ask in command.asks:
            self._asked.setdefault(ask.guest, []).append((command, ask))

    def forget(self) -> None:
        """The host booted."""
        self._commands.clear()
        self._asked.clear()

    def of(self, event: Event) -> Asker | None:
        """Who asked for this start or stop: the latest command that fits. All that were given for the same before are
        answered by it, whether they fit or not, and what was given for the contrary before that is out of date."""
        if not self._asked:
            return None
        assert isinstance(event.detail, Control)
        reason = event.detail.reason
        names = (event.guest, event.uuid)
        asked = [each for name in names if name is not None for each in self._asked.get(name, ())]
        fitting = [
            command for command, ask in asked
            if ask.kind is event.kind and reason in ask.reasons and command.auid is not None
            and 0 <= event.id.millis - command.id.millis <= _PATIENCE
        ]  # fmt: skip
        found = max(fitting, key=lambda each: each.id, default=None)
        until = event.id if found is None else found.id
        for command, ask in asked:
            if command.id < until or (ask.kind is event.kind and command.id.millis <= event.id.millis):
                self._drop(command, ask)
        if found is None or found.auid is None:
            return None
        return Asker(found.auid, found.user, " ".join(found.words), found.id)

    def _drop(self, command: _Command, ask: Ask) -> None:
        command.asks.remove(ask)
        self._asked[ask.guest].remove((command, ask))
        if not self._asked[ask.guest]:
            del self._asked[ask.guest]

    def _forget(self, command: _Command) -> None:
        for ask in tuple(command.asks):
            self._drop(command, ask)
        del self._commands[command.id]
