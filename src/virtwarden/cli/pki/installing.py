"""What `pki install` would place: its plan, made from the folder and the host as they are."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from virtwarden.cli import UsageError
from virtwarden.cli.pki.install import Aim
from virtwarden.edits import CopyOf, Replace, SetMode
from virtwarden.facts.certificates import Certificates
from virtwarden.facts.daemon_conf import DaemonConf, DaemonConfs
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy, Remote
from virtwarden.formats import Malformed, columns
from virtwarden.host import Absent, Head, Host, Output, Source, Stat, Text, Unknown, Want
from virtwarden.journal import now
from virtwarden.model import Plan
from virtwarden.pki.places import Audience, Part, Use, user_places
from virtwarden.placing import Placement, changes, host_placements, objections, placements
from virtwarden.plan import of_changes
from virtwarden.report.visible import visible
from virtwarden.rotating import Step, changes_of, next_step
from virtwarden.scan import host_name
from virtwarden.sources.local import Local
from virtwarden.sources.redact import Redacted
from virtwarden.sources.root import Root
from virtwarden.splice import CannotApply

_MOST_TOLD = 5
_OF_CLIENTS: tuple[Part, ...] = ("cacert", "cacrl", "clientcert", "clientkey")


@dataclass(frozen=True, slots=True)
class Beside:
    """A host whose certificates lie on this machine, in a folder that is not the host's: one that is mounted here."""

    host: Source
    folder: str
    here: Source = field(default_factory=Local)

    @property
    def name(self) -> str:
        """The host's name."""
        return self.host.name

    @property
    def taken_at(self) -> datetime:
        """When the host was looked at."""
        return self.host.taken_at

    def _of(self, path: str) -> Source:
        return self.here if path == self.folder or path.startswith(f"{self.folder}/") else self.host

    def read(self, path: str) -> Text:
        """A file's text."""
        return self._of(path).read(path)

    def head(self, path: str, length: int) -> Head:
        """A file's first bytes."""
        return self._of(path).head(path, length)

    def glob(self, pattern: str) -> list[str]:
        """The paths that match."""
        return self._of(pattern).glob(pattern)

    def stat(self, path: str) -> Stat:
        """What is known of a path."""
        return self._of(path).stat(path)

    def run(self, *argv: str) -> Output:
        """A command of the host's."""
        return self.host.run(*argv)

    def fetch(self, wants: Iterable[Want]) -> None:
        """Both are near."""


def planned(aim: Aim, root: str) -> tuple[Plan, Source, tuple[str, ...]]:
    """The plan, the host's source and what else is to be said. Raises `UsageError` where the folder is not to be
    placed."""
    source: Source = Local() if root == "/" else Beside(Root(root), aim.folder)
    host = Host(Redacted(source), Policy(remote=Remote(certificates=aim.folder)))
    try:
        placed, label = _placed(host, aim, root)
        plan = of_changes(host, source, host_name(host), changes(host, placed, label), for_=_ASKS, root=root)
    except (Absent, Unknown, CannotApply) as refused:
        raise UsageError(f"nothing was placed: {refused}") from None
    return plan, source, tuple(_warnings(placed))


def rotated(aim: Aim) -> tuple[Step, Plan, Source, tuple[str, ...]]:
    """The next step of a rotation on this host, with its plan. Raises `UsageError`."""
    source = Local()
    host = Host(Redacted(source), Policy(remote=Remote(certificates=aim.folder)))
    try:
        placed, label = _placed(host, aim, "/")
        step = next_step(host, placed)
        wanted = changes_of(host, step, placed, label)
        plan = of_changes(host, source, host_name(host), wanted, for_="pki rotate")
    except (Absent, Unknown, CannotApply) as refused:
        raise UsageError(f"nothing was placed: {refused}") from None
    return step, plan, source, tuple(_warnings(placed))


def in_words(plan: Plan) -> Iterator[str]:
    """What would be placed and from where, and what makes those who run take it."""
    width = max(len(each.path) for each in plan.rewrites)
    copies = [edit.source for rewrite in plan.rewrites for edit in rewrite.edits if isinstance(edit, CopyOf)]
    folder = os.path.commonpath([os.path.dirname(path) for path in copies]) if copies else ""
    if folder:
        yield f"from {visible(folder)}:"
    for rewrite in plan.rewrites:
        for edit in rewrite.edits:
            if isinstance(edit, CopyOf):
                yield f"{visible(rewrite.path):<{width}}  {edit.mode:04o} {edit.owner}:{edit.group}"
                yield f"  {visible(os.path.relpath(edit.source, folder))}: {visible(edit.what)}"
            elif isinstance(edit, SetMode):
                rights = f"{edit.mode or 0:04o} {edit.owner}:{edit.group}"
                yield f"{visible(rewrite.path):<{width}}  {rights}  a new directory"
            elif isinstance(edit, Replace):
                yield f"{visible(rewrite.path):<{width}}  what it holds, and the new ones behind it"
    yield from (f"then {activation}: {activation.note}" for activation in plan.activations)


def _placed(host: Host, aim: Aim, root: str) -> tuple[tuple[Placement, ...], str | None]:
    """What goes where, and the label that it has there, None for that of its directory."""
    offered, label = host.get(Certificates), None
    _require_sound(offered, aim.uses)
    if aim.role == "user":
        found, label = _of_user(host, offered, aim.user, root)
    else:
        audience: Audience = "server" if aim.role == "server" else "client" if aim.role == "client" else "host"
        found = host_placements(host, audience, _conf(host))
    placed = tuple(each for each in found if not aim.uses or each.place.use in aim.uses)
    needed = f"{aim.role}cert"
    if not placed or (aim.role in ("server", "client") and not any(each.place.part == needed for each in placed)):
        raise UsageError(_nothing(offered, aim))
    return placed, label


_ASKS = "pki install"


def _nothing(offered: Certificates, aim: Aim) -> str:
    """Why the folder is not to be placed for those who are meant."""
    uses = ", ".join(offered.uses)
    if not uses:
        return f"{offered.folder} has nothing to place: no file of a known name"
    if aim.role in ("server", "client") and (not aim.uses or set(aim.uses) & set(offered.uses)):
        return f"{offered.folder} has no {aim.role}cert.pem for libvirt; what it has is for {uses}"
    return (
        f"{offered.folder} has nothing to place for {', '.join(aim.uses) or aim.role}; what it has is for {uses}"
    )


def _require_sound(offered: Certificates, uses: tuple[Use, ...]) -> None:
    against = list(objections(offered, now(), uses))
    if against:
        more = f"; and {len(against) - _MOST_TOLD} more" if len(against) > _MOST_TOLD else ""
        raise UsageError(f"nothing was placed: {'; '.join(against[:_MOST_TOLD])}{more}")


def _conf(host: Host) -> DaemonConf | None:
    """The conf file of the daemon that listens, which may name other places; None where there is no libvirt."""
    try:
        return host.get(DaemonConfs).of(host.get(Libvirt).remote_daemon)
    except Absent:
        return None


def _of_user(host: Host, offered: Certificates, user: str, root: str) -> tuple[tuple[Placement, ...], str | None]:
    """One user's places, with what QEMU's consoles ask of clients, and the label that they have."""
    name, home, group = _account(host, user, root)
    with_vnc = {**offered.files}
    for part in _OF_CLIENTS:
        if ("vnc", part) not in with_vnc and ("libvirt", part) in offered.files and "vnc" not in offered.uses:
            with_vnc["vnc", part] = offered.files["libvirt", part]
    every = Certificates(offered.folder, with_vnc, offered.foreign)
    return placements(every, user_places(home, name, group)), _label(host, home)


def _account(host: Host, user: str, root: str) -> tuple[str, str, str]:
    """Name, home and group, by the databases of the host that is meant."""
    if root == "/":
        try:
            found = pwd.getpwnam(user) if user else pwd.getpwuid(os.geteuid())
        except KeyError:
            raise UsageError(f"there is no user {user or os.geteuid()}") from None
        return _at_home(found.pw_name, found.pw_dir, str(found.pw_gid))
    try:
        accounts = columns.passwd(host.source.read("/etc/passwd").text)
    except Malformed as wrong:
        raise UsageError(f"/etc/passwd below {root}: {wrong}") from None
    for account in accounts:
        if account.name == user:
            return _at_home(user, account.home, str(account.gid))
    raise UsageError(f"there is no user {user} below {root}")


def _at_home(name: str, home: str, group: str) -> tuple[str, str, str]:
    if not home.startswith("/") or home == "/":
        raise UsageError(f"{name} has no home to place certificates in")
    return name, home.rstrip("/"), group


def _label(host: Host, home: str) -> str | None:
    """The label of certificates at home, where files have labels."""
    label = host.source.stat(home).label
    if label is None:
        return None
    user, role, _, *level = label.split(":")
    return ":".join((user, role, "home_cert_t", *level))


def _warnings(placed: Iterable[Placement]) -> Iterator[str]:
    for each in placed:
        stat = each.offered.stat
        if each.place.is_key and stat is not None and stat.mode & 0o077:
            yield f"{each.offered.path} may be read by others (mode {stat.mode:04o}): its key may be known to them"
