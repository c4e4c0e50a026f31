"""What a refusal proves: something only where the same was granted to whom it should be, else the probe was deaf."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from virtwarden.lab import Impossible, Met, Reached, Taken
from virtwarden.model import Observation

MODERN = ("TLS 1.2", "TLS 1.3")


def tried(deed: Callable[[], Met]) -> Met | str:
    """What came of it, or why it could not be done."""
    try:
        return deed()
    except Impossible as why:
        return str(why)


def is_in(met: Met | str) -> bool:
    """Whether somebody was taken for who he is."""
    return isinstance(met, Met) and met.reached >= Reached.ADMITTED


def refused(claim: str, stranger: Met | str, twin: Met | str, short_of: Reached = Reached.ADMITTED) -> Observation:
    """That a stranger was kept `short_of` what the twin, who has every right, was granted."""
    if isinstance(stranger, str):
        return Observation(claim, None, stranger)
    if stranger.reached >= short_of:
        return Observation(claim, False, how_far(stranger))
    if stranger.silent:
        return Observation(claim, None, f"{stranger.said}, which is no refusal")
    if isinstance(twin, str):
        return Observation(claim, None, f"{stranger.said}, but nobody with a right to it could be tried: {twin}")
    if twin.reached < short_of:
        return Observation(claim, None, f"{stranger.said}, but so it went with who has a right to it: {twin.said}")
    return Observation(claim, True, f"{stranger.said}; {how_far(twin, 'who has a right to it')}")


def how_far(met: Met, who: str = "") -> str:
    """How far somebody came, in words."""
    whom = f"{who} " if who else ""
    if met.reached is Reached.SESSION:
        return f"{whom}got a session" if who else met.said
    if met.reached is Reached.ADMITTED:
        asked = f"asked for a log-in by {', '.join(met.mechanisms)}" if met.mechanisms else f"told: {met.said}"
        return f"{whom}was let in, and {asked}"
    if met.reached is Reached.GREETED and met.served is not None:
        return f"TLS was agreed on, in {met.served.version}"
    return f"{whom}was told: {met.said}"


def let_in(claim: str, met: Met | str) -> Observation:
    """That who has a right to it is let in."""
    if isinstance(met, str):
        return Observation(claim, None, met)
    if is_in(met):
        return Observation(claim, True, how_far(met))
    unheard = met.silent or met.reached is Reached.NOWHERE
    return Observation(claim, None if unheard else False, met.said)


def modern_only(claim: str, versions: Sequence[Taken]) -> Observation:
    """That no version of TLS before 1.2 is agreed to."""
    old = [each for each in versions if each.what not in MODERN]
    return none_taken(claim, old, [each for each in versions if each.what in MODERN])


def none_taken(claim: str, bad: Iterable[Taken], good: Iterable[Taken]) -> Observation:
    """That none of the bad is agreed to; something good has to be."""
    taken = [each.what for each in bad if each.taken]
    if taken:
        return Observation(claim, False, f"it agreed to {' and '.join(taken)}")
    unsure = [each for each in bad if each.taken is None]
    if unsure:
        return Observation(claim, None, f"{unsure[0].what}: {unsure[0].said}")
    fine = [each.what for each in good if each.taken]
    if not fine:
        return Observation(claim, None, f"it agreed to nothing else either: {_said(good)}")
    return Observation(claim, True, f"refused; it agreed to {' and '.join(fine)}")


def _said(good: Iterable[Taken]) -> str:
    return next((each.said for each in good), "nothing was offered")
