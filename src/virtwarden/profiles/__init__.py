"""Profiles: a selection of controls, with values for the policy.

Three come with the product, one TOML file each; a site can write its own in the same form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Literal

import msgspec

from virtwarden.control import Control
from virtwarden.facts.policy import PolicyError, Table, parse_table

DEFAULT = "baseline"
_NAMED = 12


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The form of a profile's file."""

    title: str
    description: str
    controls: Literal["all", "blueprint"] | tuple[str, ...] = "all"
    leave_out: tuple[str, ...] = ()
    policy: dict[str, object] = {}


@dataclass(frozen=True, slots=True)
class Profile:
    """A selection of controls and values.

    `controls` is `all`, `blueprint` for those that cover a procedure of the blueprint, or their ids.
    """

    name: str
    title: str
    description: str
    controls: Literal["all", "blueprint"] | tuple[str, ...] = "all"
    leave_out: tuple[str, ...] = ()
    policy: Table = field(default_factory=dict)

    def select(self, controls: Sequence[Control]) -> tuple[Control, ...]:
        """The controls that this profile asks for. Raises `PolicyError` for an id that does not exist."""
        known = [control.id for control in controls]
        named = self.controls if isinstance(self.controls, tuple) else ()
        for id_ in (*named, *self.leave_out):
            require_known(id_, known, f"profile {self.name}: control")
        return tuple(control for control in controls if self._wants(control))

    def _wants(self, control: Control) -> bool:
        if control.id in self.leave_out:
            return False
        if self.controls == "blueprint":
            return bool(control.sections)
        return self.controls == "all" or control.id in self.controls


def require_known(name: str, known: Sequence[str], what: str) -> None:
    """Raises `PolicyError` that names the nearest known name where `name` is none of them."""
    if name not in known:
        raise PolicyError(f"{what} {name} does not exist; {_instead(name, known, what)}")


def _instead(name: str, known: Sequence[str], what: str) -> str:
    close = get_close_matches(name, known, 1) or [each for each in known if each.startswith(name)]
    if close:
        return f"did you mean {close[0]}?"
    if what.endswith("control"):
        return "virt-warden controls lists them"
    rest = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
    return f"known are {', '.join(known[:_NAMED])}{rest}" if known else "there is none"


def shipped() -> tuple[str, ...]:
    """The names of the profiles that come with the product."""
    return tuple(sorted(entry.name[:-5] for entry in files(__name__).iterdir() if entry.name.endswith(".toml")))


def load(name: str) -> Profile:
    """A profile by its name, or by the path of its file. Raises `PolicyError`."""
    path = Path(name)
    if path.suffix == ".toml":
        try:
            text = path.read_text("utf-8")
        except OSError as wrong:
            raise PolicyError(f"the profile {name} cannot be read: {wrong.strerror}") from None
        except UnicodeDecodeError:
            raise PolicyError(f"the profile {name} is not UTF-8 text") from None
        return _parse(text, path.stem, name)
    require_known(name, shipped(), "profile")
    return _parse((files(__name__) / f"{name}.toml").read_text("utf-8"), name, f"profile {name}")


def _parse(text: str, name: str, where: str) -> Profile:
    try:
        read = msgspec.convert(parse_table(text, where), _File)
    except msgspec.ValidationError as wrong:
        raise PolicyError(f"{where}: {wrong}") from None
    return Profile(name, read.title, read.description, read.controls, read.leave_out, read.policy)
