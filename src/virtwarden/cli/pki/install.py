"""`virt-warden pki install`: puts a folder of certificates and keys where libvirt, QEMU and their clients read them."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.state import add_state
from virtwarden.pki.places import USES, Use

_ROLES = ("server", "client", "user")


@dataclass(frozen=True, slots=True)
class Aim:
    """Whose places are meant: those of a host's daemons and guests, of root's clients, or of one user."""

    folder: str
    role: str
    user: str
    uses: tuple[Use, ...]


def run(words: list[str]) -> int:
    """Install: 0 where everything is in its place, 1 where it was taken back, 2 where even that failed."""
    chosen = options().parse_args(words)
    aim = aim_of(chosen)
    root = os.path.realpath(chosen.root) if chosen.root else "/"
    if root == "/" and os.geteuid() != 0 and aim.role != "user":
        raise UsageError("only root can place certificates for the host; --for user places your own")
    from virtwarden.cli.carrying import Terms, carried_out, require_yes  # noqa: PLC0415  # they take long to load
    from virtwarden.cli.pki.installing import in_words, planned  # noqa: PLC0415

    plan, source, warnings = planned(aim, root)
    for warning in warnings:
        print(f"virt-warden: {warning}", file=sys.stderr)
    if not plan.rewrites:
        print("everything is in its place already")
        return PASSED
    if chosen.dry_run or not chosen.yes:
        print("\n".join(in_words(plan)))
    if chosen.dry_run:
        return PASSED
    if not chosen.yes:
        require_yes()
    return carried_out(plan, source, Terms(chosen.state, None, "/"))


def aim_of(chosen: argparse.Namespace) -> Aim:
    """What the words mean. `--for` takes one word or two, and may have taken the folder as well. Raises
    `UsageError`."""
    everything = os.geteuid() == 0 or getattr(chosen, "root", None)
    role, *rest = chosen.whom or ("host" if everything else "user",)
    if role not in (*_ROLES, "host"):
        raise UsageError(f"--for is server, client or user NAME, not {role}")
    names = 1 if role == "user" else 0
    own = role == "user" and os.geteuid() != 0
    if chosen.folder is None and rest and (len(rest) > names or own):
        chosen.folder = rest.pop()
    if chosen.folder is None:
        raise UsageError("which folder? name the one that holds the certificates")
    if len(rest) > names:
        raise UsageError(f"--for {role} takes no {rest[-1]}")
    folder = os.path.abspath(chosen.folder)
    if not os.path.isdir(folder):
        raise UsageError(f"there is no folder {chosen.folder}")
    return Aim(folder, role, _user(role, rest), _uses(chosen.uses))


def _user(role: str, rest: Sequence[str]) -> str:
    if role != "user":
        return ""
    if rest:
        return rest[0]
    if os.geteuid() == 0:
        raise UsageError("whose? --for user NAME")
    return ""


def _uses(named: str | None) -> tuple[Use, ...]:
    if named is None:
        return ()
    words = [word for word in named.replace(",", " ").split() if word]
    if not words:
        raise UsageError(f"no use is named; --uses takes {', '.join(USES)}")
    known = {use: use for use in USES}
    for word in words:
        if word not in known:
            raise UsageError(f"there is no use {word}; they are {', '.join(USES)}")
    return tuple(known[word] for word in words)  # type: ignore[index]


def options() -> Parser:
    """The options of this command."""
    made = placing_options(
        "pki install",
        "Place certificates and keys. Exit code: 0 done, 1 taken back, 2 not all could be taken back, 3 nothing done.",
    )
    made.add_argument("--root", metavar="DIR", help="place them in a mounted image")
    return made


def placing_options(verb: str, description: str) -> Parser:
    """The options of all commands that place certificates."""
    made = parser(verb, description)
    made.add_argument(
        "folder",
        nargs="?",
        metavar="DIR",
        help=f"holds cacert.pem, servercert.pem, serverkey.pem, clientcert.pem, clientkey.pem and cacrl.pem, for each "
        f"use in a folder of its own: {', '.join(USES)}; those in DIR itself are libvirt's",
    )
    made.add_argument(
        "--for",
        dest="whom",
        nargs="+",
        metavar=("server|client|user", "NAME"),
        help="only what a host serves with, only what root's clients use, or one user's (default: all of a host)",
    )
    made.add_argument("--uses", metavar="USE,…", help="only these uses")
    made.add_argument("--yes", action="store_true", help="do not ask")
    made.add_argument("--dry-run", action="store_true", help="show what would be placed, and place nothing")
    add_state(made)
    return made
