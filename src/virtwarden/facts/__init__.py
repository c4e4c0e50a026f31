"""Typed knowledge about a host, one file a subject. This module only finds the facts."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib import import_module

from virtwarden.host import Absent, Fact, Host, Unknown, Want


@lru_cache(maxsize=1)
def every_fact() -> tuple[type[Fact], ...]:
    """All facts of the product."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    values = (value for module in modules for value in vars(module).values())
    return tuple(dict.fromkeys(value for value in values if isinstance(value, type) and hasattr(value, "wants")))


@lru_cache(maxsize=1)
def every_want() -> tuple[Want, ...]:
    """What all facts ask for beforehand, each thing once."""
    return tuple(dict.fromkeys(want for fact in every_fact() for want in fact.wants))


def every_further_want(host: Host) -> Iterator[Want]:
    """What facts ask for besides, once they know what is on the host: those that have a class method `further`.

    Lazy: a source that has nothing to gain from knowing beforehand never makes it begin.
    """
    for fact in every_fact():
        further = getattr(fact, "further", None)
        if further is None:
            continue
        try:
            wants: Iterable[Want] = further(host)
            yield from wants
        except (Absent, Unknown):
            continue  # its probe meets the same refusal
