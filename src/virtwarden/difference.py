"""What changes in a text, as a unified diff that holds no secret."""

from __future__ import annotations

from difflib import unified_diff

from virtwarden.sources.blanking import Blanker
from virtwarden.sources.redact import redact_text

_BLANKER = Blanker()
_NO_END = "\\ No newline at end of file\n"


def difference(path: str, before: str | None, after: str | None) -> str:
    """The difference between two texts of the file at `path`, None where there is no file; empty where they are one."""
    if before == after:
        return ""
    old, new = (redacted_lines(path, text) for text in (before, after))
    names = ("/dev/null" if before is None else path, "/dev/null" if after is None else path)
    found = "".join(
        line if line.endswith("\n") else line + "\n" + _NO_END for line in unified_diff(old, new, *names)
    )
    return found or f"--- {names[0]}\n+++ {names[1]}\n {_hidden(before, after)}\n"


def redacted_lines(path: str, text: str | None) -> list[str]:
    """The lines of a text without its secrets, with their ends."""
    return [] if text is None else redact_text(path, text, _BLANKER).splitlines(keepends=True)


def _hidden(before: str | None, after: str | None) -> str:
    if not before and not after:
        return "an empty file"
    return "what differs is a secret"
