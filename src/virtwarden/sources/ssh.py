"""A distant host, over one connection of the OpenSSH client and the user's own configuration of it.

Answers are fetched many at a time: a trip is one script written to the host's shell and one stream of replies read
back. What was fetched, or asked once, is never asked again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import cast

from virtwarden.host import Absent, Head, Output, Stat, Text, Unknown, Want
from virtwarden.sources import remotereply, sshurl
from virtwarden.sources.answers import Answer, Kept, Key, given
from virtwarden.sources.files import absolute
from virtwarden.sources.pattern import covers, is_pattern
from virtwarden.sources.remotereply import Reply
from virtwarden.sources.remotescript import List, Look, Question, Run, batch, first_bytes, in_turns, questions
from virtwarden.sources.shell import Lost, Shell


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
        self._listings: dict[str, frozenset[str]] = {}
        self._lost: str | None = None
        self._word = secrets.token_hex(16)
        self._shell = Shell(argv, url, self._word)
        self.taken_at = datetime.now(UTC)

    def close(self) -> None:
        """Hang up."""
        self._shell.close()

    def read(self, path: str) -> Text:
        """The text of a regular file."""
        return cast(Text, self._answer(("read", (path,), 0), _look("read", path)))

    def head(self, path: str, length: int) -> Head:
        """The first bytes of a regular file or a block device."""
        return cast(Head, self._answer(("head", (path,), length), _look("head", path, length)))

    def glob(self, pattern: str) -> list[str]:
        """The paths that match, sorted."""
        question = List(pattern, "-") if is_pattern(pattern) else _look("stat", pattern)
        return list(cast("list[str]", self._answer(("glob", (pattern,), 0), question)))

    def stat(self, path: str) -> Stat:
        """What the host's file system says of a path."""
        return cast(Stat, self._answer(("stat", (path,), 0), _look("stat", path)))

    def run(self, *argv: str) -> Output:
        """A command's output, within the time and size that are given to a command."""
        return cast(Output, self._answer(("run", argv, 0), Run(argv)))

    def fetch(self, wants: Iterable[Want]) -> None:
        """Get all of these in one trip."""
        fresh = [want for want in dict.fromkeys(wants) if want not in self._fetched and _sayable(want)]
        self._fetched.update(fresh)
        if fresh and self._lost is None:
            self._trip(questions(fresh))

    def _answer(self, key: Key, question: Question) -> Answer:
        if key not in self._kept:
            ask, args, _ = key
            if ask != "run":
                absolute(args[0])
            if ask in ("read", "head", "stat") and self._is_not_listed(args[0]):
                raise Absent(f"there is no {args[0]}")
            if not _sayable(Want("run", args)):
                raise Unknown(f"{' '.join(args)!r} cannot be asked for")
            if self._lost is None:
                self._trip([question])
        if key not in self._kept:
            raise Unknown(f"{self.name}: {self._lost or 'the host gave no answer'}")
        return given(self._kept[key])

    def _is_not_listed(self, path: str) -> bool:
        """Whether a listing would have named this path and did not: then the host has no such thing."""
        return any(path not in there and covers(pattern, path) for pattern, there in self._listings.items())

    def _trip(self, asked: list[Question]) -> None:
        self.trips += 1
        numbered = list(enumerate(asked, start=1))
        script = batch(self.trips, (question.script(number) for number, question in numbered))
        try:
            at = self._shell.exchange(script, self.trips)
        except Lost as lost:
            at = datetime.now(UTC)
            self._lost = lost.words
        for number, question in numbered:
            self._settle(str(number), question, at)

    def _settle(self, number: str, question: Question, at: datetime) -> None:
        if isinstance(question, Look):
            self._settle_look(number, question, at)
            return
        reply = self._shell.reply(number, at)
        if reply is None:
            return
        if isinstance(question, Run):
            argv = question.argv
            self._kept["run", argv, 0] = _kept(lambda: remotereply.output_of(argv, reply))
            return
        found = remotereply.paths_of(question.pattern, reply)
        there = sorted(path for path, exists in found.items() if exists)
        refused = remotereply.kept_from(reply)
        self._kept["glob", (question.pattern,), 0] = refused or there
        if refused is None:
            self._listings[question.pattern] = frozenset(there)
        for position, looks in enumerate(in_turns(found, question.length), start=1):
            self._settle_look(f"{number}.{position}", looks, at)

    def _settle_look(self, number: str, question: Look, at: datetime) -> None:
        looked, ends = self._shell.reply(f"{number}.s", at), self._shell.reply(f"{number}.r", at)
        if looked is None or ends is None:
            return
        stats = remotereply.stats_of(self._word, question.paths, looked, ends)
        lost_links = remotereply.dangling(question.paths, ends)
        for position, (path, stat) in enumerate(stats.items(), start=1):
            self._kept["stat", (path,), 0] = stat
            if not is_pattern(path):
                there = isinstance(stat, Stat) or path in lost_links
                self._kept["glob", (path,), 0] = stat if isinstance(stat, Unknown) else [path] * there
            self._settle_content(path, stat, question.length, self._shell.reply(f"{number}.{position}.t", at))

    def _settle_content(self, path: str, stat: Stat | Absent | Unknown, length: str, reply: Reply | None) -> None:
        """Keep what is in a file, or why that cannot be told."""
        wanted = int(length.removeprefix("b"))
        if not wanted:
            return
        key: Key = ("head", (path,), wanted) if length.startswith("b") else ("read", (path,), 0)
        if not isinstance(stat, Stat):
            self._kept[key] = stat
        elif reply is not None and key[0] == "head":
            self._kept[key] = _kept(lambda: remotereply.head_of(path, stat, wanted, reply))
        elif reply is not None:
            self._kept[key] = _kept(lambda: remotereply.text_of(path, stat, reply))


def _look(verb: str, path: str, length: int = 0) -> Look:
    want = Want("read", (path,)) if verb == "read" else Want("head" if verb == "head" else "stat", (path,), length)
    return Look((path,), first_bytes(want))


def _kept(answer: Callable[[], Answer]) -> Kept:
    try:
        return answer()
    except (Absent, Unknown) as refused:
        return refused.with_traceback(None)


def _sayable(want: Want) -> bool:
    """Whether it is a command, or an absolute path, that a shell can be told."""
    try:
        words = b"".join(arg.encode("utf-8", "surrogateescape") for arg in want.args)
    except UnicodeEncodeError:
        return False
    return b"\0" not in words and (want.verb == "run" or want.args[0].startswith("/"))
