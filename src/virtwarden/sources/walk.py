"""The way to a file below some root directory, on which no symbolic link leads out of it.

Links are resolved one component at a time and by file descriptor, as if the root were that of the running system.
"""

from __future__ import annotations

import errno
import os
import stat as mode_of
from collections.abc import Callable

_LINKS = 40

Bounds = Callable[[str, list[str]], None]
Links = Callable[[str, os.stat_result], None]


def anywhere(_path: str, _names: list[str]) -> None:
    """No bounds but the root itself."""


def any_link(_path: str, _link: os.stat_result) -> None:
    """Links are followed, whoever made them."""


class Walk:
    """The way from a root directory to one of the files below it: the directories that are open, outermost first.

    `within` is asked about each name before it is opened, `links` about each symbolic link before it is followed;
    they raise where it is out of bounds. Raises `OSError`.
    """

    def __init__(self, path: str, root: str, directory: str, within: Bounds, links: Links = any_link) -> None:
        self._within = within
        self._links = links
        self._names: list[str] = []
        self._open = [os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)]
        try:
            self.follow(path, directory)
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        self.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The directories on the way, outermost first."""
        return tuple(self._names)

    @property
    def top(self) -> int:
        return self._open[-1]

    @property
    def real(self) -> str:
        return "/" + "/".join(self._names)

    def close(self) -> None:
        self._back_to(-1)

    def back_to(self, names: tuple[str, ...]) -> bool:
        """Return to a directory that was on the way; says whether it still is."""
        if tuple(self._names[: len(names)]) != names:
            return False
        self._back_to(len(names))
        return True

    def follow(self, asked: str, way: str) -> None:
        """Go on from here; `asked` is what is named where a place is not part of an image."""
        pending = way.split("/")[::-1]
        links = 0
        while pending:
            name = pending.pop()
            if name == "..":
                self._back_to(max(len(self._names) - 1, 0))
            elif name not in {"", "."}:
                target = self._step(asked, name)
                if target is None:
                    continue
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                if target.startswith("/"):
                    self._back_to(0)
                pending.extend(reversed(target.split("/")))

    def _step(self, asked: str, name: str) -> str | None:
        """Go down one name; where that is a symbolic link, stay and return its target."""
        self._within(asked, [*self._names, name])
        descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.top)
        found = os.fstat(descriptor)
        if mode_of.S_ISLNK(found.st_mode):
            try:
                self._links("/".join(("", *self._names, name)), found)
                return os.readlink("", dir_fd=descriptor)
            finally:
                os.close(descriptor)
        self._open.append(descriptor)
        self._names.append(name)
        return None

    def _back_to(self, depth: int) -> None:
        while len(self._open) > depth + 1:
            os.close(self._open.pop())
        del self._names[max(depth, 0) :]
