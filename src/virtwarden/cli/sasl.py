"""`virt-warden sasl`: the users who log in to libvirt, or to a guest's console, by name and password."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

from virtwarden.cli import PASSED, USAGE, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.secret import add_secret, secret

if TYPE_CHECKING:
    from virtwarden.facts.sasl import SaslConf
    from virtwarden.host import Host
    from virtwarden.stores.sasldb import SaslDatabase, SaslUser

COMMANDS = ("add", "list", "remove")


def run(words: list[str]) -> int:
    """Add, list or remove users."""
    made = options()
    if not words:
        print(made.format_help(), end="")
        return USAGE
    chosen = made.parse_intermixed_args(words)  # the name may follow options
    if (chosen.user is None) is (chosen.command != "list"):
        raise UsageError(
            "list shows all users; it takes no name"
            if chosen.command == "list"
            else f"{chosen.command} needs a user's name"
        )
    if os.geteuid() != 0:
        raise UsageError("only root can look into the database of SASL's users")
    if chosen.command == "list":
        return _list(chosen)
    return _add(chosen) if chosen.command == "add" else _remove(chosen)


def options() -> Parser:
    """The options of this command."""
    made = parser(
        "sasl",
        "The users who log in to libvirt or to guests' consoles by name: in the database that SASL's conf file names "
        "as sasldb_path. Passwords are asked for, or read from a file descriptor or a file.",
    )
    made.add_argument("command", choices=COMMANDS, help="give a user a password, list all users, take one out")
    made.add_argument("user", nargs="?", metavar="USER", help="the user's name")
    made.add_argument(
        "--for", dest="service", choices=("libvirt", "qemu"), default="libvirt",
        help="who asks: libvirt's ports and sockets, or QEMU's consoles (default: libvirt)",
    )  # fmt: skip
    made.add_argument(
        "--realm", metavar="REALM", default="", help="the realm (default: this host's full name, where SASL looks)"
    )
    add_secret(made, "password", "the password")
    made.add_argument("--json", action="store_true", help="list as JSON")
    return made


def _add(chosen: argparse.Namespace) -> int:
    from virtwarden.facts.sasl_users import why_useless  # noqa: PLC0415  # not needed for help
    from virtwarden.stores.images import StoreError  # noqa: PLC0415
    from virtwarden.stores.sasldb import require_name  # noqa: PLC0415

    host, conf = _conf(chosen)
    if why := why_useless(conf):
        raise UsageError(why)
    database = _database(host, conf, chosen)
    try:
        require_name(chosen.user)
        given = secret(chosen, "password", f"password of {chosen.user}", twice=True)
        user = database.add(chosen.user, given, chosen.realm)
    except StoreError as wrong:
        raise UsageError(str(wrong)) from None
    print(f"{user} can log in to {chosen.service} with this password; it is in {database.path}")
    for said in _remarks(host, conf, user, chosen.service):
        print(f"virt-warden: {said}", file=sys.stderr)
    return PASSED


def _remove(chosen: argparse.Namespace) -> int:
    from virtwarden.stores.images import StoreError  # noqa: PLC0415

    host, conf = _conf(chosen)
    database = _database(host, conf, chosen)
    try:
        user = database.remove(chosen.user, chosen.realm)
    except StoreError as wrong:
        raise UsageError(str(wrong)) from None
    print(f"{user} is no longer in {database.path}; sessions that are open stay")
    return PASSED


def _list(chosen: argparse.Namespace) -> int:
    from virtwarden.stores.images import StoreError  # noqa: PLC0415

    host, conf = _conf(chosen)
    database = _database(host, conf, chosen)
    try:
        users = database.users()
    except StoreError as wrong:
        raise UsageError(str(wrong)) from None
    if chosen.json:
        import json  # noqa: PLC0415

        rows = [{"user": user.name, "realm": user.realm} for user in users]
        print(json.dumps({"database": database.path, "service": chosen.service, "users": rows}, indent=2))
        return PASSED
    for user in users:
        print(user)
    if not users:
        print(f"virt-warden: {database.path} has no users", file=sys.stderr)
    return PASSED


def _conf(chosen: argparse.Namespace) -> tuple[Host, SaslConf]:
    """This host, and how SASL is set up for the service."""
    from virtwarden.facts.sasl import Sasl  # noqa: PLC0415
    from virtwarden.host import Absent, Host, Unknown  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415

    host = Host(Local())
    try:
        return host, host.get(Sasl).of(chosen.service)
    except (Absent, Unknown) as refused:
        raise UsageError(str(refused)) from None


def _database(host: Host, conf: SaslConf, chosen: argparse.Namespace) -> SaslDatabase:
    """The database of the service, open to those alone who have to read it."""
    from virtwarden.facts.sasl_users import USUAL, database_of  # noqa: PLC0415
    from virtwarden.stores.programs import Programs  # noqa: PLC0415
    from virtwarden.stores.sasldb import SaslDatabase  # noqa: PLC0415

    path = database_of(conf)
    if path is None:
        raise UsageError(f"{conf.path} names no database; add the line sasldb_path: {USUAL[chosen.service]}")
    readers = _readers(host) if chosen.service == "qemu" else 0
    return SaslDatabase(path, chosen.service, Programs(), readers)


def _readers(host: Host) -> int:
    """The number of QEMU's group: its processes read their database themselves. Raises `UsageError`."""
    from grp import getgrgid, getgrnam  # noqa: PLC0415

    from virtwarden.facts.qemu_group import QemuGroup  # noqa: PLC0415
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415

    try:
        group = host.get(QemuGroup).name
    except (Absent, Unknown) as refused:
        raise UsageError(str(refused)) from None
    try:
        return (getgrgid(int(group)) if group.isdecimal() else getgrnam(group)).gr_gid
    except KeyError:
        raise UsageError(f"qemu.conf names the group {group}, which does not exist") from None


def _remarks(host: Host, conf: SaslConf, user: SaslUser, service: str) -> list[str]:
    """What still keeps the user out, or lets others in."""
    found: list[str] = []
    if conf.mechanisms is None:
        found.append(f"{conf.path} has no mech_list, so that broken mechanisms are offered too")
    return [*found, *(_of_the_list(host, user) if service == "libvirt" else ())]


def _of_the_list(host: Host, user: SaslUser) -> list[str]:
    """What `sasl_allowed_username_list` of the daemons that ask has to say of a user."""
    from virtwarden.facts.remote import Remote  # noqa: PLC0415
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415
    from virtwarden.pki.subjects import matches  # noqa: PLC0415

    said: list[str] = []
    try:
        for daemon in host.get(Remote).daemons:
            patterns = daemon.conf.sasl_allowed_username_list
            if patterns is not None and not any(matches(pattern, user.name) for pattern in patterns):
                said.append(
                    f"sasl_allowed_username_list in {daemon.conf.path} does not name {user.name}: add it there"
                )
    except (Absent, Unknown) as refused:
        said.append(f"whether sasl_allowed_username_list names {user.name} cannot be told: {refused}")
    return said
