"""The controls: one file each, in a folder a chapter. This module only finds them."""

from __future__ import annotations

import pkgutil
from functools import lru_cache
from importlib import import_module

from virtwarden.control import CHAPTERS, Control


@lru_cache(maxsize=1)
def every_control() -> tuple[Control, ...]:
    """All controls of the product, by chapter in the blueprint's order, then by id."""
    names = [found.name for found in pkgutil.walk_packages(__path__, __name__ + ".") if not found.ispkg]
    controls: list[Control] = [import_module(name).CONTROL for name in names]
    order = list(CHAPTERS)
    return tuple(sorted(controls, key=lambda control: (order.index(control.chapter), control.id)))


def explanations() -> dict[str, str]:
    """What each control's prose says below its title, by its id."""
    return {control.id: control.explained for control in every_control()}
