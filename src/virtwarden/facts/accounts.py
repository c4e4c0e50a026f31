"""Users and groups of the host, and where else it takes them from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.formats.digits import whole
from virtwarden.host import Absent, Host, Source, Text, Unknown, Want, reading, running
from virtwarden.model import Evidence

ROOT_EQUIVALENT = (
    "libvirt",
    "libvirtd",
    "kvm",
    "qemu",
    "libvirt-qemu",
    "disk",
    "docker",
    "lxd",
    "incus",
    "incus-admin",
)
_PASSWD = "/etc/passwd"  # noqa: S105  # a path
_GROUP = "/etc/group"
_SWITCH = "/etc/nsswitch.conf"
_ASK = ("getent", "group", *ROOT_EQUIVALENT)
_LOCAL = ("files", "compat", "systemd", "altfiles")


@dataclass(frozen=True, slots=True)
class User:
    """A user of /etc/passwd."""

    name: str
    uid: int
    gid: int
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Group:
    """A group with the users named as its members; those whose primary group it is come on top."""

    name: str
    gid: int
    members: tuple[str, ...]
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Accounts:
    """`elsewhere` are sources of group members that were not asked, such as a directory service."""

    users: dict[str, User] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    elsewhere: tuple[str, ...] = ()
    switch: Evidence | None = None

    wants: ClassVar[tuple[Want, ...]] = (reading(_PASSWD), reading(_GROUP), reading(_SWITCH), running(*_ASK))

    def primary(self, group: Group) -> tuple[User, ...]:
        """The users whose primary group this is."""
        return tuple(user for user in self.users.values() if user.gid == group.gid)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files, then ask the name service for groups that are as good as root."""
        users = _users(host.source.read(_PASSWD))
        groups = _groups(host.source.read(_GROUP))
        asked = _asked(host.source)
        elsewhere, switch = ((), None) if asked is not None else _elsewhere(host.source)
        return cls(users, groups | (asked or {}), elsewhere, switch)


def _users(text: Text) -> dict[str, User]:
    users: dict[str, User] = {}
    for number, line in enumerate(text.lines, 1):
        parts = line.split(":")
        uid, gid = (whole(part) for part in parts[2:4]) if len(parts) >= 4 else (None, None)
        if uid is not None and gid is not None:
            users.setdefault(parts[0], User(parts[0], uid, gid, text.cite(number)))
    return users


def _groups(text: Text) -> dict[str, Group]:
    groups: dict[str, Group] = {}
    for number, line in enumerate(text.lines, 1):
        group = _group(line, text.cite(number))
        if group is not None:
            groups.setdefault(group.name, group)
    return groups


def _group(line: str, evidence: Evidence) -> Group | None:
    parts = line.split(":")
    gid = whole(parts[2]) if len(parts) == 4 else None
    if gid is None:
        return None
    members = tuple(name.strip() for name in parts[3].split(",") if name.strip())
    return Group(parts[0], gid, members, evidence)


def _asked(source: Source) -> dict[str, Group] | None:
    """What the name service answered; getent ends with 2 where it found some names and not others."""
    try:
        output = source.run(*_ASK)
    except (Absent, Unknown):
        return None
    if output.code not in (0, 2):
        return None
    found = [_group(line, output.cite(line)) for line in output.stdout.splitlines()]
    return {group.name: group for group in found if group is not None}


def _elsewhere(source: Source) -> tuple[tuple[str, ...], Evidence | None]:
    try:
        text = source.read(_SWITCH)
    except (Absent, Unknown):
        return (), None
    for number, line in enumerate(text.lines, 1):
        database, colon, sources = line.partition("#")[0].partition(":")
        if colon and database.strip() == "group":
            names = re.sub(r"\[[^]]*\]", " ", sources).split()
            return tuple(name for name in names if name not in _LOCAL), text.cite(number)
    return (), None
