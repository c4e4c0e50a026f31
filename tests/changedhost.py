"""A host of which some files have other texts: what a scan would see after a change, without making one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase

from tests.kit import entry
from virtwarden.host import Absent, Head, Output, Source, Stat, Text, Unknown, Want


@dataclass(frozen=True)
class ChangedHost:
    """A source seen through new texts by path, None for a file that is gone. The programs of `deaf` give no
    answer, since the ones they gave were about old texts."""

    source: Source
    texts: Mapping[str, str | None]
    deaf: frozenset[tuple[str, ...]] = frozenset()

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def taken_at(self) -> datetime:
        return self.source.taken_at

    def read(self, path: str) -> Text:
        if path not in self.texts:
            return self.source.read(path)
        text = self.texts[path]
        if text is None:
            raise Absent(f"there is no {path}")
        return Text(path, text, self.taken_at)

    def head(self, path: str, length: int) -> Head:
        return self.source.head(path, length)

    def glob(self, pattern: str) -> list[str]:
        depth = pattern.count("/")
        new = {path for path in self.texts if path.count("/") == depth and fnmatchcase(path, pattern)}
        return sorted(path for path in {*self.source.glob(pattern), *new} if self.texts.get(path, "") is not None)

    def stat(self, path: str) -> Stat:
        try:
            return self.source.stat(path)
        except (Absent, Unknown):
            if self.texts.get(path) is None:
                raise
            return entry(path)

    def run(self, *argv: str) -> Output:
        if argv in self.deaf:
            raise Unknown(f"{argv[0]} was not asked again")
        return self.source.run(*argv)

    def fetch(self, wants: Iterable[Want]) -> None:
        self.source.fetch(wants)
