"""Names of users on this host, looked up once each, also those that nobody has."""

from __future__ import annotations

import pwd


class Users(dict[int, str]):
    """`Users()(0)` is `root`; a number that nobody has stays one."""

    def __missing__(self, uid: int) -> str:
        try:
            name = pwd.getpwuid(uid).pw_name
        except (KeyError, OverflowError):
            name = str(uid)
        self[uid] = name
        return name

    def __call__(self, uid: int) -> str:
        return self[uid]
