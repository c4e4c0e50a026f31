"""The parser of every command: its complaints are one sentence."""

from __future__ import annotations

import argparse
from typing import NoReturn

from virtwarden.cli import UsageError


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one sentence and exit code 3."""

    def error(self, message: str) -> NoReturn:
        """Complain, and name the option that was meant where one was mistyped."""
        from difflib import get_close_matches  # noqa: PLC0415  # only where somebody mistyped

        names = [option for action in self._actions for option in action.option_strings]
        known = [name[2:] for name in names if name.startswith("--")]
        unknown = message.split() if message.startswith("unrecognized arguments") else []
        mistyped = [word[2:].partition("=")[0] for word in unknown if word.startswith("--") and word != "--"]
        close = [near for word in mistyped for near in get_close_matches(word, known, 1)]
        hint = f"did you mean --{close[0]}?" if close else f"{self.prog} --help shows the options"
        raise UsageError(f"{message}; {hint}")


def parser(verb: str, description: str) -> Parser:
    """A parser for one verb."""
    return Parser(prog=f"virt-warden {verb}", description=description, allow_abbrev=False)
