"""The command `virt-warden`: finds the verb, and turns what goes wrong into one sentence and an exit code.

Only the verb that is asked for is imported, so `--help` and `--version` cost next to nothing.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence

from virtwarden import __version__
from virtwarden.complaint import Complaint
from virtwarden.statefolder import SYSTEM, default_folder

VERBS = {
    "scan": "judge a host and report on it",
    "plan": "show what would change to make the failing controls pass",
    "apply": "change a host as planned, so that it can be taken back",
    "confirm": "keep what was applied with --confirm",
    "rollback": "take an applied or interrupted plan back",
    "history": "list what was changed",
    "capture": "record a host, without its secrets, to be scanned elsewhere",
    "audit": "who ran which guest, when, and what was denied, from audit logs of any size",
    "auvirt": "the same in the options and columns of auvirt, for scripts",
    "pki": "certificates for libvirt, QEMU and their clients: issue, install, rotate, verify",
    "sasl": "the users who log in to libvirt or a console by name",
    "connect": "the command that reaches a host as the policy wants it",
    "console": "the command that reaches a guest's screen as the policy wants it",
    "prove": "find out by experiment whether a protection holds",
    "demo": "scan the recorded host that ships with virt-warden",
    "explain": "say what a control asks for and why",
    "controls": "list the controls, profiles and standards",
    "diff": "compare two reports",
}

_WHILE_OPEN = ("rollback", "confirm", "history", "audit", "auvirt")
"""What can be done while a change of this host is not finished."""

PASSED, FAILED, UNKNOWN, USAGE = 0, 1, 2, 3
_INTERRUPTED = 130
_CUT_OFF = 141  # as shells say of what a closed pipe ends; nothing whole was told, so never 0
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


class UsageError(Complaint):
    """What was asked for makes no sense."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0 all pass, 1 some fail, 2 some unknown, 3 wrong usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None or sys.stderr is None:
        return USAGE  # nobody would see anything, not even this
    if sys.stdin is None:
        # no other file gets its descriptor, and whoever reads it is told that it cannot be read
        sys.stdin = open(os.open(os.devnull, os.O_WRONLY))  # noqa: SIM115
    if (sys.stdout.encoding or "utf-8").lower() not in ("utf-8", "utf8") and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return PASSED if words else USAGE
    if words[0] in ("-V", "--version"):
        print(f"virt-warden {__version__}")
        return PASSED
    try:
        return _run(words[0], words[1:])
    except BrokenPipeError:
        _say_no_more()
        return _CUT_OFF
    except OSError as wrong:
        if wrong.errno not in _NO_ROOM:
            raise
        _say_no_more()
        return _complain(f"standard output takes no more: {wrong.strerror}")
    except EOFError:
        print()
        return _complain("nothing was answered, and nothing done")
    except KeyboardInterrupt:
        return _INTERRUPTED


def _run(verb: str, words: list[str]) -> int:
    if verb not in VERBS:
        return _complain(f"there is no command {verb}; {_nearest(verb)}")
    from importlib import import_module  # noqa: PLC0415  # not needed for --help and --version

    try:
        asks_for_help = any(word in ("-h", "--help") for word in words)
        if verb not in _WHILE_OPEN and not asks_for_help and _is_something_open(words):
            import_module("virtwarden.cli.state").require_none_open(words)
        code: int = import_module(f"virtwarden.cli.{verb}").run(words)
    except Complaint as wrong:
        return _complain(str(wrong))
    sys.stdout.flush()
    return code


def _is_something_open(words: list[str]) -> bool:
    """Whether a journal may say that a change is not finished; asked at every command, so it imports nothing."""
    named = any(word.startswith("--state") for word in words)
    return named or any(os.path.lexists(f"{folder}/open") for folder in (SYSTEM, default_folder()))


def _say_no_more() -> None:
    """What is left in the buffer goes nowhere, so that the interpreter's end does not stumble over it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(sentence: str) -> int:
    """Say it on one line, whatever names and other programs' words are in it."""
    from virtwarden.report.visible import visible  # noqa: PLC0415  # only where something is wrong

    try:
        print(f"virt-warden: {visible(sentence)}", file=sys.stderr)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
    return USAGE


def _nearest(verb: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only where somebody mistyped

    close = get_close_matches(verb, VERBS, 1)
    return f"did you mean {close[0]}?" if close else "virt-warden --help lists them"


def _help() -> str:
    verbs = "\n".join(f"  {verb:<10} {what}" for verb, what in VERBS.items())
    return f"""usage: virt-warden COMMAND [OPTIONS]

Judges, hardens, proves and audits KVM hosts.

commands:
{verbs}

options:
  --help     this help; virt-warden COMMAND --help for a command's own
  --version  the version

Begin with: virt-warden demo"""
