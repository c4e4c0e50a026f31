"""`virt-warden pki rotate`: new certificates in place of those in use, while guests run and clients stay connected."""

from __future__ import annotations

import os
import sys

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser
from virtwarden.cli.pki.install import aim_of, placing_options

_NEXT = {
    "trust": "do the same on every host and client that trusts the old authority, then run this again",
    "leaves": "once every client shows a certificate of the new authority: virt-warden pki rotate DIR --finish",
}


def run(words: list[str]) -> int:
    """Take the next step: 0 where it is done, 1 where it was taken back, 2 where even that failed."""
    chosen = options().parse_args(words)
    aim = aim_of(chosen)
    if os.geteuid() != 0 and aim.role != "user":
        raise UsageError("only root can place certificates for the host; --for user places your own")
    from virtwarden.cli.carrying import Terms, carried_out, require_yes  # noqa: PLC0415  # they take long to load
    from virtwarden.cli.pki.installing import in_words, rotated  # noqa: PLC0415

    step, plan, source, warnings = rotated(aim)
    for warning in warnings:
        print(f"virt-warden: {warning}", file=sys.stderr)
    if not plan.rewrites:
        print("everything is in its place already")
        return PASSED
    if step == "finish" and not chosen.finish:
        raise UsageError(
            "what is left is to trust the old authority no more: say --finish once no client needs it"
        )
    print(f"step: {_SAID[step]}")
    if chosen.dry_run or not chosen.yes:
        print("\n".join(in_words(plan)))
    if chosen.dry_run:
        return PASSED
    if not chosen.yes:
        require_yes()
    code = carried_out(plan, source, Terms(chosen.state))
    if code == PASSED and step in _NEXT and rotated(aim)[1].rewrites:
        print(f"next: {_NEXT[step]}")
    return code


_SAID = {
    "trust": "trust the new authority besides the old one",
    "leaves": "place the new certificates and keys",
    "finish": "trust the old authority no more",
}


def options() -> Parser:
    """The options of this command."""
    made = placing_options(
        "pki rotate",
        "Replace certificates in use, one step at a time where the authority changes too. Exit code: 0 done, "
        "1 taken back, 2 not all could be taken back, 3 nothing done.",
    )
    made.add_argument("--finish", action="store_true", help="trust the old authority no more")
    return made
