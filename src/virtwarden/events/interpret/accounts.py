"""Names of users and groups as this host has them, each asked for once.

What has no name is remembered too: a look-up that fails may take a thousand times as long as one that is remembered,
and the logs of other hosts are full of users that this one does not know. Where this host has all its names in files,
they are read once and nothing is looked up.
"""

from __future__ import annotations

import grp
import pwd
from functools import cache

UNSET = 0xFFFFFFFF
"""The user, or session, of whatever was not begun by a login."""


_NAME_SERVICES = "/etc/nsswitch.conf"
_LOCAL = frozenset(("files", "compat", "systemd", "altfiles"))
"""Name services that list all they know."""


@cache
def user(number: int) -> str:
    """A user's name, `unset`, or `unknown(NUMBER)`."""
    if number in (0, UNSET):
        return "unset" if number else "root"
    if _is_local("passwd"):
        return _users().get(number) or f"unknown({number})"
    try:
        return pwd.getpwuid(number).pw_name
    except (KeyError, OverflowError):
        return f"unknown({number})"


@cache
def group(number: int) -> str:
    """A group's name, `unset`, or `unknown(NUMBER)`."""
    if number in (0, UNSET):
        return "unset" if number else "root"
    if _is_local("group"):
        return _groups().get(number) or f"unknown({number})"
    try:
        return grp.getgrgid(number).gr_name
    except (KeyError, OverflowError):
        return f"unknown({number})"


@cache
def _users() -> dict[int, str]:
    return {entry.pw_uid: entry.pw_name for entry in reversed(pwd.getpwall())}  # the first of several counts


@cache
def _groups() -> dict[int, str]:
    return {entry.gr_gid: entry.gr_name for entry in reversed(grp.getgrall())}


@cache
def _is_local(database: str) -> bool:
    """Whether all names come from this host itself, as nsswitch.conf(5) says."""
    try:
        with open(_NAME_SERVICES, encoding="utf-8", errors="replace") as file:
            lines = [line.partition("#")[0].partition(":") for line in file]
    except OSError:
        return False
    services = [services for name, _, services in lines if name.strip() == database]
    return bool(services) and _LOCAL.issuperset(services[0].split())
