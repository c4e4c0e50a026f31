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
    """The commands of virsh that were seen lately on one host, found by the words that may be a guest's name."""

    __slots__ = ("_commands", "_named")

    def __init__(self) -> None:
        self._commands: dict[EventId, _Command] = {}
        self._named: dict[str, list[_Command]] = {}

    def take(self, part: CommandPart) -> None:
        """Remember a record of a command."""
        command = self._commands.get(part.id)
        if command is None:
            command = self._commands[part.id] = _Command(part.id)
            if len(self._commands) > _REMEMBERED:
                self._drop(next(iter(self._commands.values())))
        command.auid = part.auid if part.auid is not None else command.auid
        command.user = part.user or command.user
        if part.words and not command.words:
            command.words = part.words
            for word in _names(command):
                self._named.setdefault(word, []).append(command)

    def forget(self) -> None:
        """The host booted."""
        self._commands.clear()
        self._named.clear()

    def of(self, event: Event) -> Asker | None:
        """Who asked for this start or stop; a command answers for one event only."""
        if not self._commands:
            return None
        verbs = _STARTS if event.kind is Kind.START else _STOPS
        named = [*self._named.get(event.guest or "", ()), *self._named.get(event.uuid or "", ())]
        fitting = [
            command for command in named
            if command.auid is not None and not verbs.isdisjoint(command.words)
            and 0 <= event.id.millis - command.id.millis <= _PATIENCE
        ]  # fmt: skip
        if not fitting:
            return None
        command = max(fitting, key=lambda each: each.id)
        assert isinstance(event.detail, Control)
        assert command.auid is not None
        if event.detail.reason != "migrated":  # one command moves a guest from here to there
            self._drop(command)
        return Asker(command.auid, command.user, " ".join(command.words), command.id)

    def _drop(self, command: _Command) -> None:
        del self._commands[command.id]
        for word in _names(command):
            self._named[word].remove(command)
            if not self._named[word]:
                del self._named[word]


def _names(command: _Command) -> set[str]:
    """The words of a command that may name a guest."""
    return {word for word in command.words if not word.startswith("-")} - _STARTS - _STOPS
