"""Options that several verbs share: which host, by which policy."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from virtwarden.cli import UsageError
from virtwarden.cli.parsing import Parser

if TYPE_CHECKING:
    from virtwarden.control import Control
    from virtwarden.facts.policy import Policy, Table
    from virtwarden.host import Host, Source
    from virtwarden.profiles import Profile

POLICY_FILE = Path("/etc/virt-warden/policy.toml")
_PROFILES = Path(__file__).parent.parent / "profiles"


def add_source(parser: Parser) -> None:
    """Options that say which host is meant; this one unless told otherwise."""
    group = parser.add_argument_group("which host (this one unless told otherwise)").add_mutually_exclusive_group()
    group.add_argument("--host", metavar="URL", help="a host over SSH: ssh://[user@]host[:port]")
    group.add_argument("--root", metavar="DIR", help="a mounted image")
    group.add_argument("--snapshot", metavar="FILE", help="a recording made by virt-warden capture")
    group.add_argument("--sosreport", metavar="FILE", help="an archive of the sos tool, or its unpacked folder")


@contextmanager
def source_of(options: argparse.Namespace) -> Iterator[Source]:
    """The source that the options name, with every secret blanked. Raises `SourceError`."""
    from virtwarden.sources.redact import Redacted  # noqa: PLC0415  # sources are imported where they are used

    with raw_source_of(options) as source:
        yield Redacted(source)


@contextmanager
def raw_source_of(options: argparse.Namespace) -> Iterator[Source]:
    """The source that the options name, as it is, secrets included. Raises `SourceError`."""
    if options.host:
        from virtwarden.sources.ssh import Ssh  # noqa: PLC0415

        with closing(Ssh(options.host)) as ssh:
            yield ssh
    elif options.root:
        from virtwarden.sources.root import Root  # noqa: PLC0415

        yield Root(options.root)
    elif options.snapshot:
        from virtwarden.sources.recording import Snapshot  # noqa: PLC0415

        yield Snapshot(options.snapshot)
    elif options.sosreport:
        from virtwarden.sources.sosreport import SosReport  # noqa: PLC0415

        with closing(SosReport(options.sosreport)) as archive:
            yield archive
    else:
        from virtwarden.sources.local import Local  # noqa: PLC0415

        yield Local()


def add_choice(parser: Parser) -> argparse._ArgumentGroup:
    """Options that say what is judged."""
    from virtwarden.model import Severity  # noqa: PLC0415  # not needed for the help of commands that judge nothing

    choice = parser.add_argument_group("what is judged")
    choice.add_argument(
        "--control", nargs="+", action="extend", metavar="ID", help="only these controls, or those of a chapter"
    )
    choice.add_argument(
        "--severity", choices=[str(s) for s in Severity], help="only controls at least this severe"
    )
    choice.add_argument("--guest", metavar="NAME", help="only what is said of this guest")
    return choice


def chosen_controls(chosen: argparse.Namespace, profile: Profile) -> list[Control]:
    """The controls that the options name: those of the profile unless some are named."""
    from virtwarden.control import CHAPTERS  # noqa: PLC0415
    from virtwarden.controls import every_control  # noqa: PLC0415
    from virtwarden.model import Severity  # noqa: PLC0415
    from virtwarden.profiles import require_known  # noqa: PLC0415

    wanted = list(profile.select(every_control()))
    if chosen.control:
        known = {control.id: [control] for control in every_control()}
        for chapter in CHAPTERS:
            known[chapter] = [control for control in wanted if control.chapter == chapter]
        for name in chosen.control:
            require_known(name, list(known), "control")
        named = {control.id: control for name in chosen.control for control in known[name]}
        wanted = list(named.values())
    if chosen.severity:
        least = Severity(chosen.severity).rank
        wanted = [control for control in wanted if control.severity.rank >= least]
    return wanted


def require_guest(host: Host, name: str) -> None:
    """Raises `UsageError` where the host has no such guest."""
    from virtwarden.host import Absent, Unknown  # noqa: PLC0415
    from virtwarden.profiles import require_known  # noqa: PLC0415
    from virtwarden.scan import guest_names  # noqa: PLC0415

    try:
        known = guest_names(host)
    except Absent as absent:
        raise UsageError(f"there is no guest {name}: {absent}") from None
    except Unknown as refused:
        raise UsageError(f"whether there is a guest {name} cannot be told: {refused}") from None
    require_known(name, known, "guest")


def add_policy(parser: Parser) -> None:
    """Options that say by what a host is judged."""
    shipped = sorted(path.stem for path in _PROFILES.glob("*.toml"))
    group = parser.add_argument_group("by what it is judged")
    group.add_argument("--profile", metavar="NAME", help=f"{', '.join(shipped)}, or a profile's .toml file")
    group.add_argument(
        "--policy", metavar="FILE", help=f"the site's policy (default: {POLICY_FILE} if there is one)"
    )


def policy_of(options: argparse.Namespace) -> tuple[Policy, Profile]:
    """The site's policy on top of its profile. Raises `PolicyError`."""
    from virtwarden import profiles  # noqa: PLC0415
    from virtwarden.controls import every_control  # noqa: PLC0415
    from virtwarden.facts.policy import policy_from  # noqa: PLC0415

    where, site = _site_policy(options.policy)
    named = site.get("profile")
    profile = profiles.load(options.profile or (named if isinstance(named, str) else profiles.DEFAULT))
    policy = policy_from(profile.policy, site, {"profile": profile.name}, where=where)
    known = [control.id for control in every_control()]
    for waiver in policy.waiver:
        profiles.require_known(waiver.control, known, f"{where}: waiver: control")
    return policy, profile


def _site_policy(named: str | None) -> tuple[str, Table]:
    from virtwarden.facts.policy import PolicyError, parse_table  # noqa: PLC0415

    path = Path(named) if named else POLICY_FILE
    try:
        return str(path), parse_table(path.read_text("utf-8"), str(path))
    except OSError as wrong:
        if not named and isinstance(wrong, FileNotFoundError):
            return "the policy", {}
        raise PolicyError(f"the policy {path} cannot be read: {wrong.strerror}") from None
    except UnicodeDecodeError:
        raise PolicyError(f"the policy {path} is not UTF-8 text") from None
