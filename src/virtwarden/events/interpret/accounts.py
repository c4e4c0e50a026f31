"""Names of users and groups as this host has them, each asked for once.

What has no name is remembered too: a look-up that fails may take a thousand times as long as one that is remembered,
and the logs of other hosts are full of users that this one does not know.
"""

from __future__ import annotations

import grp
import pwd
from functools import cache

UNSET = 0xFFFFFFFF
"""The user, or session, of whatever was not begun by a login."""


@cache
def user(number: int) -> str:
    """A user's name, `unset`, or `unknown(NUMBER)`."""
    if number in (0, UNSET):
        return "unset" if number else "root"
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return f"unknown({number})"


@cache
def group(number: int) -> str:
    """A group's name, `unset`, or `unknown(NUMBER)`."""
    if number in (0, UNSET):
        return "unset" if number else "root"
    try:
        return grp.getgrgid(number).gr_name
    except (KeyError, OverflowError):
        return f"unknown({number})"
