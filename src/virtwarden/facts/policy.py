"""What the site wants: the profile, the values that controls go by, and the failures it accepts.

One file says it, `/etc/virt-warden/policy.toml`; without it the defaults below hold. A profile may bring
values of its own, which the site's file overrides. Unknown keys are errors that name the nearest right one.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import ClassVar, Self, get_args, get_type_hints

import msgspec

from virtwarden.complaint import Complaint
from virtwarden.facts.policy_sections import (
    Audit,
    Console,
    Encryption,
    Filter,
    GuestClass,
    Limits,
    Network,
    Remote,
    Storage,
    Svirt,
    Tcb,
    Upkeep,
    WaiverEntry,
)
from virtwarden.host import Host, Want

__all__ = [
    "Audit",
    "Console",
    "Encryption",
    "Filter",
    "GuestClass",
    "Limits",
    "Network",
    "Policy",
    "PolicyError",
    "Remote",
    "Storage",
    "Svirt",
    "Table",
    "Tcb",
    "Upkeep",
    "WaiverEntry",
    "matches",
    "parse_table",
    "policy_from",
]

_MISSING = re.compile(r"Object missing required field `(.*)`")
_OTHER_KIND = re.compile(r"Expected `(.*)`, got `(.*)`")
_KINDS = {
    "array": "a list", "bool": "true or false", "date": "a date such as 2027-03-31", "datetime": "a date with a time",
    "float": "a number with a point", "int": "a whole number", "object": "a table", "str": "a text",
}  # fmt: skip


class PolicyError(Complaint):
    """A policy or profile cannot be used; the message says where and why in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The whole policy. Also a fact: a host that is not told one has the default."""

    profile: str = "baseline"
    tcb: Tcb = Tcb()
    network: Network = Network()
    filter: Filter = Filter()
    storage: Storage = Storage()
    remote: Remote = Remote()
    console: Console = Console()
    svirt: Svirt = Svirt()
    limits: Limits = Limits()
    encryption: Encryption = Encryption()
    audit: Audit = Audit()
    upkeep: Upkeep = Upkeep()
    waiver: tuple[WaiverEntry, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:  # noqa: ARG003  # the host has no say in its policy
        """The default policy."""
        return cls()


Table = Mapping[str, object]


def parse_table(text: str, where: str) -> Table:
    """A TOML file's content. Raises `PolicyError`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as wrong:
        raise PolicyError(f"{where} is not TOML: {wrong}") from None


def policy_from(*tables: Table, where: str) -> Policy:
    """The policy that these tables make, later ones overriding earlier ones. Raises `PolicyError`."""
    merged: Table = {}
    for table in tables:
        merged = _merged(merged, table)
    _known_keys(merged, Policy, where, "")
    try:
        return msgspec.convert(merged, Policy, strict=True)
    except msgspec.ValidationError as wrong:
        raise PolicyError(f"{where}: {_in_words(str(wrong))}") from None


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a name is meant by one of these shell patterns."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _merged(under: Table, over: Table) -> Table:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        result[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return result


def _known_keys(table: Table, kind: type, where: str, prefix: str) -> None:
    known = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    for key, value in table.items():
        if key not in names:
            raise PolicyError(f"{where}: there is no key {prefix}{key}{_nearest(key, names)}")
        for name, inner, nested in _nested(known[key], value, f"{prefix}{key}"):
            _known_keys(inner, nested, where, f"{name}.")


def _nested(hint: object, value: object, name: str) -> Iterator[tuple[str, Table, type]]:
    """The tables within a value that stand for dataclasses, with their names and types."""
    if isinstance(hint, type) and is_dataclass(hint) and isinstance(value, Mapping):
        yield name, value, hint
    inner = get_args(hint)
    if isinstance(value, Mapping) and len(inner) == 2:
        for key, item in value.items():
            yield from _nested(inner[1], item, f"{name}.{key}")
    if isinstance(value, list) and inner:
        for item in value:
            yield from _nested(inner[0], item, name)


def _in_words(complaint: str) -> str:
    """What msgspec complains of, as a sentence that begins with the key."""
    said, _, place = complaint.partition(" - at `$")
    key = place.rstrip("`").lstrip(".").replace("[...]", ".NAME")
    if missing := _MISSING.fullmatch(said):
        return f"{key} has no {missing[1]}"
    if other := _OTHER_KIND.fullmatch(said):
        wanted = " or ".join(_KINDS.get(kind, kind) for kind in other[1].split(" | ") if kind != "null")
        return f"{key} has to be {wanted}, not {_KINDS.get(other[2], other[2])}"
    return f"{key}: {said}"


def _nearest(key: str, known: list[str]) -> str:
    close = get_close_matches(key, known, 1, 0.5)
    return f"; did you mean {close[0]}?" if close else f"; the keys are {', '.join(sorted(known))}"
