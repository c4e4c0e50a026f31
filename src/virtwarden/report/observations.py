"""What experiments showed, as text and as JSON: each claim, whether it holds, and what was seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec

from virtwarden import __version__
from virtwarden.model import Observation
from virtwarden.report.layout import Style
from virtwarden.report.lines import Line, hanging, line, printed
from virtwarden.report.phrases import joined
from virtwarden.report.visible import visible, without_surrogates

FORMAT = 1
WORDS = {True: "holds", False: "does not hold", None: "unknown"}
_INK = {True: "green", False: "bold red", None: "yellow"}
_SIGN = {True: "✓", False: "✗", None: "?"}
_INDENT = 2


def render(observations: Sequence[Observation], style: Style | None = None) -> str:
    """The observations as text of this style, and how many came out how."""
    style = style or Style()
    return printed(_lines(observations, style), style)


def as_json(proof: str, host: str, taken_at: datetime, observations: Sequence[Observation]) -> str:
    """The observations of one proof on one host as JSON; `holds` is null where it is unknown."""
    told = {
        "format": FORMAT,
        "version": __version__,
        "proof": proof,
        "host": without_surrogates(host),
        "taken_at": taken_at,
        "observations": [
            {"claim": without_surrogates(each.claim), "holds": each.holds, "seen": without_surrogates(each.seen)}
            for each in observations
        ],
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def _lines(observations: Sequence[Observation], style: Style) -> Iterator[Line]:
    for each in observations:
        ink = _INK[each.holds]
        said = line((WORDS[each.holds], ink), f": {visible(each.claim)}")
        yield from hanging(said, style.width, 0, f"{_SIGN[each.holds]} ", ink)
        yield from hanging(line((visible(each.seen), "dim")), style.width, _INDENT)
    yield line("")
    yield line(_summed(Counter(each.holds for each in observations)))


def _summed(counted: Counter[bool | None]) -> str:
    one = {True: "holds", False: "does not hold", None: "is unknown"}
    several = {True: "hold", False: "do not hold", None: "are unknown"}
    said = [f"{n} {one[holds] if n == 1 else several[holds]}" for holds in one if (n := counted[holds])]
    return joined(said) if said else "nothing was tried"
