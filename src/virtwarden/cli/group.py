"""Verbs that are groups of commands, `audit`, `pki` and `prove`: finds the command, and imports no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from virtwarden.cli import PASSED, USAGE, UsageError

_RESERVED = ("import", "list")
"""Names that are Python's; their modules end in an underscore."""


def hand_over(verb: str, commands: Mapping[str, str], words: Sequence[str], page: str) -> int:
    """Run the command that is named first, or print the page. Raises `UsageError`."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(page)
        return PASSED if words else USAGE
    name = words[0]
    if name not in commands:
        raise UsageError(f"there is no command {verb} {name}; {_nearest(verb, commands, name)}")
    from importlib import import_module  # noqa: PLC0415

    return int(import_module(f"virtwarden.cli.{verb}.{module_of(name)}").run(list(words[1:])))


def module_of(command: str) -> str:
    """The name of a command's module."""
    return f"{command}_" if command in _RESERVED else command


def listed(commands: Mapping[str, str]) -> str:
    """The commands with what each is for, a line each."""
    width = max(map(len, commands))
    return "\n".join(f"  {name:<{width}}  {what}" for name, what in commands.items())


def _nearest(verb: str, commands: Mapping[str, str], name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only where somebody mistyped

    close = get_close_matches(name, commands, 1)
    return f"did you mean {close[0]}?" if close else f"virt-warden {verb} --help lists them"
