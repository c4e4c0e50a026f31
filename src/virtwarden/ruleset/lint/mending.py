"""Lines that auditctl refuses because they were torn on their way through print, put together again.

The blueprint's listing, read off its pages, has lost hyphens, underscores turned to blanks and blanks in lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from virtwarden.formats.auditrules import Broken
from virtwarden.ruleset.lint.remark import Remark
from virtwarden.ruleset.lint.sayings import remark

_HYPHEN = re.compile(r"^\s*([aAdwWD])(?=\s|$)")
_END = re.compile(r"-\s*$")
_LIST = re.compile(r"\b(always|never|exit|task|exclude|user|filesystem),\s+(?=always|never|exit|task|exclude)")
_FIELD = re.compile(r"\b(subj|obj) (type|user|role)(?==|!=)")
_TYPE = re.compile(r"\b((?:subj|obj)_type!?=[a-z0-9_]+) t\b")
_KEY = re.compile(r"(?<=-k )\S+(?: (?!-)\S+)+")


def _joined(found: re.Match[str]) -> str:
    return found.group().replace(" ", "_")


def _underscored(line: str) -> str:
    return _KEY.sub(_joined, _TYPE.sub(r"\1_t", _FIELD.sub(r"\1_\2", line)))


_MENDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("the hyphen before the option is lost", lambda line: _HYPHEN.sub(r"-\1", line)),
    ("a hyphen stands at the end", lambda line: _END.sub("", line)),
    ("action and list are written with a blank", lambda line: _LIST.sub(r"\1,", line)),
    ("underscores have become blanks", _underscored),
)


def mended(broken: Broken) -> tuple[Remark, str]:
    """What is wrong with a line, and the line as it was meant; as it stands where that cannot be told."""
    line = broken.text.strip()
    whys: list[str] = []
    for why, mend in _MENDS:
        if (after := mend(line)) != line:
            whys.append(why)
            line = after
    return (remark("torn", ", ".join(whys)) if whys else remark("refused", broken.reason)), line
