"""A distant host, over one connection of the OpenSSH client and the user's own configuration of it.

Answers are fetched many at a time: a trip is one script written to the host's shell and one stream of replies read
back. What was fetched, or asked once, is never asked again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from virtwarden.host import Absent, Head, Output, Stat, Text, Unknown, Want
from virtwarden.sources import remotescript, sshurl
from virtwarden.sources.answers import Answer, Kept, Key, given
from virtwarden.sources.pattern import is_pattern
from virtwarden.sources.remotereply import Reply, head_of, kept_from, output_of, paths_of, stat_of, text_of
from virtwarden.sources.shell import Lost, Shell


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked, how it is put to the shell, and whether its path is meant as it stands."""

    want: Want
    script: Callable[[int], str]
    literal: bool = False


class Ssh:
    """The host that a URL `ssh://[user@]host[:port]` names.

    Raises `SourceError` where it cannot be logged in to; where the connection is lost later, what was not yet
    answered is `Unknown`. `trips` counts the round trips after log-in.
    """

    def __init__(self, url: str) -> None:
        argv = sshurl.parse(url).argv(os.environ)
        self.name = url
        self.trips = 0
        self._kept: dict[Key, Kept] = {}
        self._fetched: set[Want] = set()
        self._lost: str | None = None
        self._shell = Shell(argv, url, secrets.token_hex(16))
        self.taken_at = datetime.now(UTC)

    def close(self) -> None:
        """Hang up."""
        self._shell.close()

    def read(self, path: str) -> Text:
        """The text of a regular file."""
        return cast(Text, self._answer(("read", (path,), 0), _one(path, "r")))

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a regular file or a block device."""
        return cast(Head, self._answer(("head", (path,), length), _wanted(Want("head", (path,), length))))

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted."""
        return list(cast("list[str]", self._answer(("glob", (pattern,), 0), _listed(pattern))))

    def stat(self, path: str) -> Stat:
        """What the host's file system says of a path."""
        return cast(Stat, self._answer(("stat", (path,), 0), _one(path, "s")))

    def run(self, *argv: str) -> Output:
        """A command's output, within the time and size that are given to a command."""
        return cast(Output, self._answer(("run", argv, 0), _wanted(Want("run", argv))))

    def fetch(self, wants: Iterable[Want]) -> None:
        """Get all of these in one trip."""
        fresh = [want for want in dict.fromkeys(wants) if want not in self._fetched and _can_be_sent(want)]
        self._fetched.update(fresh)
        if fresh and self._lost is None:
            self._trip([_wanted(want) for want in fresh])

    def _answer(self, key: Key, question: _Question) -> Answer:
        if key not in self._kept:
            if not _can_be_sent(question.want):
                raise Unknown(f"{' '.join(question.want.args)!r} cannot be asked for over SSH")
            if self._lost is None:
                self._trip([question])
        if key not in self._kept:
            raise Unknown(f"{self.name}: {self._lost or 'the host gave no answer'}")
        return given(self._kept[key])

    def _trip(self, questions: list[_Question]) -> None:
        self.trips += 1
        numbered = list(enumerate(questions, start=1))
        script = remotescript.batch(self.trips, (question.script(number) for number, question in numbered))
        try:
            at = self._shell.exchange(script, self.trips)
        except Lost as lost:
            at = datetime.now(UTC)
            self._lost = lost.words
        for number, question in numbered:
            self._settle(str(number), question, at)

    def _settle(self, number: str, question: _Question, at: datetime) -> None:
        reply = self._shell.reply(number, at)
        if reply is None:
            return
        verb, args = question.want.verb, question.want.args
        if verb == "run":
            self._kept["run", args, 0] = _kept(lambda: output_of(args, reply))
        elif verb == "head":
            self._settle_head(args[0], question.want.length, reply, self._shell.reply(f"{number}.1", at))
        else:
            self._settle_list(number, question, reply)

    def _settle_head(self, path: str, length: int, reply: Reply, looked: Reply | None) -> None:
        if looked is None:
            return
        stat = _kept(lambda: stat_of(path, looked))
        self._kept["stat", (path,), 0] = stat
        if isinstance(stat, Stat):
            self._kept["head", (path,), length] = _kept(lambda: head_of(path, stat, length, reply))
        else:
            self._kept["head", (path,), length] = stat

    def _settle_list(self, number: str, question: _Question, reply: Reply) -> None:
        named = question.want.args[0]
        paths = paths_of(reply)
        kept_back = kept_from(reply)
        self._kept["glob", (named,), 0] = kept_back or sorted(path for _, path in paths)
        if question.literal and not paths:
            refused = kept_back or Absent(f"there is no {named}")
            self._kept["stat", (named,), 0] = self._kept["read", (named,), 0] = refused
        for position, path in paths:
            looked = self._shell.reply(f"{number}.{position}", reply.at)
            if looked is not None:
                self._settle_file(path, looked, self._shell.reply(f"{number}.{position}.t", reply.at))

    def _settle_file(self, path: str, looked: Reply, text: Reply | None) -> None:
        stat = _kept(lambda: stat_of(path, looked))
        self._kept["stat", (path,), 0] = stat
        if not isinstance(stat, Stat):
            self._kept["read", (path,), 0] = stat
        elif text is not None:
            self._kept["read", (path,), 0] = _kept(lambda: text_of(path, stat, text))


def _one(path: str, mode: remotescript.Mode) -> _Question:
    return _Question(Want("stat", (path,)), lambda number: remotescript.one(number, path, mode), literal=True)


def _listed(pattern: str) -> _Question:
    return _Question(Want("stat", (pattern,)), lambda number: remotescript.listing(number, pattern, "g"))


def _wanted(want: Want) -> _Question:
    literal = want.verb in {"read", "stat"} and not is_pattern(want.args[0])
    return _Question(want, lambda number: remotescript.question(number, want), literal)


def _kept(answer: Callable[[], Answer]) -> Kept:
    try:
        return answer()
    except (Absent, Unknown) as refused:
        return refused.with_traceback(None)


def _can_be_sent(want: Want) -> bool:
    """Whether it is an absolute path, or a command, that a shell can be told."""
    try:
        sent = b"".join(arg.encode("utf-8", "surrogateescape") for arg in want.args)
    except UnicodeEncodeError:
        return False
    return b"\0" not in sent and (want.verb == "run" or want.args[0].startswith("/"))
