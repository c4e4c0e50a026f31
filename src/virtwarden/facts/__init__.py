"""Typed knowledge about a host, one file a subject. This module only finds the facts."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module

from virtwarden.host import Want


@lru_cache(maxsize=1)
def every_want() -> tuple[Want, ...]:
    """What all facts ask for beforehand, each thing once."""
    wants: dict[Want, None] = {}
    for found in pkgutil.iter_modules(__path__):
        for value in vars(import_module(f"{__name__}.{found.name}")).values():
            if isinstance(value, type):
                wants.update(dict.fromkeys(getattr(value, "wants", ())))
    return tuple(wants)
