"""What came of a proof: as text or JSON, and as an exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from virtwarden.cli import FAILED, PASSED, UNKNOWN

if TYPE_CHECKING:
    from virtwarden.host import Host
    from virtwarden.model import Observation


def exit_code(observations: Sequence[Observation]) -> int:
    """1 where something does not hold, else 2 where something is unknown or nothing was tried, else 0."""
    found = {each.holds for each in observations}
    if False in found:
        return FAILED
    return PASSED if found == {True} else UNKNOWN


def told(proof: str, host: Host, seen: Sequence[Observation], *, as_json: bool, name: str = "") -> int:
    """Say what was seen, of this host unless it is of another of this name; the exit code."""
    from virtwarden.cli.output import deliver  # noqa: PLC0415
    from virtwarden.facts.identity import Identity  # noqa: PLC0415
    from virtwarden.host import Unknown  # noqa: PLC0415
    from virtwarden.report import observations  # noqa: PLC0415
    from virtwarden.report.layout import style_for  # noqa: PLC0415

    if not as_json:
        deliver((observations.render(seen, style_for(sys.stdout)),), None)
        return exit_code(seen)
    try:
        known = name or host.get(Identity).name
    except Unknown:
        known = ""
    deliver((observations.as_json(proof, known, host.taken_at, seen),), None)
    return exit_code(seen)
