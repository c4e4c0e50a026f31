"""That a SPICE console links no channel in the clear and opens none without its password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from virtwarden.lab import Endpoint, Linked, Met, Prober, Reached
from virtwarden.model import Observation
from virtwarden.prove.trust import proves_itself
from virtwarden.prove.twins import modern_only, none_taken, tried

_MAIN = "main"
_GOES_ON, _ONLY_WITH_TLS = 0, 5


@dataclass(frozen=True, slots=True)
class Spice:
    """One console: where it speaks in the clear, and where in TLS."""

    guest: str
    plain: Endpoint | None
    secured: Endpoint | None

    @property
    def name(self) -> str:
        """As claims call it."""
        return f"SPICE of {self.guest}"


def prove_spice(prober: Prober, target: Spice) -> Iterator[Observation]:
    """One that others than this host can reach."""
    secured = _linked(prober, target.secured, encrypted=True)
    yield _nothing_in_the_clear(prober, target, secured)
    if target.secured is not None:
        at = target.secured
        versions = prober.versions(at, "spice")
        yield modern_only(f"{target.name} at {at} agrees to no TLS before 1.2", versions)
        claim = (
            f"{target.name} at {at} agrees to no cipher that is broken or leaves out encryption or the certificate"
        )
        yield none_taken(claim, prober.weak_ciphers(at, "spice"), [each for each in versions if each.taken])
        yield proves_itself(prober, at, "spice", None)
    yield from _passwords(
        prober,
        target,
        lambda at, encrypted: prober.spice(at, encrypted=encrypted),
        "somebody without its password",
    )


def prove_spice_near(prober: Prober, target: Spice) -> Iterator[Observation]:
    """Somebody on this host who has no rights here."""
    stranger = prober.stranger()
    deed = lambda at, encrypted: stranger.spice(at, encrypted=encrypted)  # noqa: E731
    yield from _passwords(prober, target, deed, "a local user without rights")


def _passwords(
    prober: Prober, target: Spice, deed: Callable[[Endpoint, bool], Met], who: str
) -> Iterator[Observation]:
    for at, encrypted in ((target.plain, False), (target.secured, True)):
        if at is None:
            continue
        claim = f"{target.name} at {at} gives no session to {who}"
        yield _kept_out(claim, tried(partial(deed, at, encrypted)), _linked(prober, at, encrypted=encrypted))


def _kept_out(claim: str, stranger: Met | str, linked: tuple[Linked, ...]) -> Observation:
    """Nobody tells us the password; that the server answered us at all stands for who knows it."""
    if isinstance(stranger, str):
        return Observation(claim, None, stranger)
    if stranger.reached is Reached.SESSION:
        return Observation(claim, False, stranger.said)
    answers = [each for each in linked if each.error in (_GOES_ON, _ONLY_WITH_TLS)]
    if stranger.silent or not answers:
        said = next((each.said for each in linked), "nothing")
        return Observation(claim, None, f"{stranger.said}; to us it said: {said}")
    return Observation(claim, True, f"{stranger.said}; to us it answered, on channel {answers[0].channel}")


def _linked(prober: Prober, at: Endpoint | None, *, encrypted: bool) -> tuple[Linked, ...]:
    return () if at is None else prober.spice_channels(at, encrypted=encrypted)


def _nothing_in_the_clear(prober: Prober, target: Spice, secured: tuple[Linked, ...]) -> Observation:
    claim = f"{target.name} links no channel in the clear"
    plain = _linked(prober, target.plain, encrypted=False)
    in_the_clear = [each.channel for each in plain if each.error == _GOES_ON]
    if in_the_clear:
        return Observation(claim, False, f"linked at {target.plain}: {', '.join(in_the_clear)}")
    if not any(each.channel == _MAIN and each.error == _GOES_ON for each in secured):
        said = secured[0].said if secured else "it has no port for TLS"
        return Observation(claim, None, f"nor does it in TLS: {said}")
    if target.plain is None:
        return Observation(claim, True, f"it has no port for that; in TLS, at {target.secured}, {_MAIN} is linked")
    refusing = [each.channel for each in plain if each.error == _ONLY_WITH_TLS]
    if not refusing:
        said = next((each.said for each in plain), "nothing")
        return Observation(claim, None, f"{target.plain} gave no answer of SPICE's: {said}")
    silent = [each.channel for each in plain if each.error is None]
    if silent:
        return Observation(
            claim, None, f"whether {', '.join(silent)} would be linked cannot be told: {plain[-1].said}"
        )
    return Observation(claim, True, f"only with TLS: {', '.join(refusing)}; in TLS {_MAIN} is linked")
