"""A plan as JSON: what `virt-warden plan --out` saves and `virt-warden apply` reads.

It holds edits, digests and differences without secrets; never the text of a document. Reading gives back the very
plan, undecodable bytes of names included, which JSON's escapes can hold (`\\udcff`). What is more or less than a plan
is refused: it might be a part of it that this version would leave out.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec

from virtwarden.complaint import Complaint
from virtwarden.model import Plan
from virtwarden.report.visible import shown

FORMAT = 1
_LARGEST = 2**29


class BadPlan(Complaint):
    """A file is not a plan that can be read; the message says which file and why, in one sentence."""


def dumps(plan: Plan) -> str:
    """The plan as JSON text, indented for those who read it."""
    text = json.dumps(msgspec.to_builtins(plan), separators=(",", ":"))
    return msgspec.json.format(text, indent=2) + "\n"


def loads(text: str | bytes, name: str = "the text") -> Plan:
    """The plan that was written as this text. Raises `BadPlan`."""
    try:
        return _read(json.loads(text, object_pairs_hook=_once))
    except (ValueError, msgspec.MsgspecError, RecursionError) as wrong:
        raise BadPlan(f"{name} is not a plan: {shown(str(wrong), 300)}") from None


def load(path: str | Path) -> Plan:
    """The plan in a file. Raises `BadPlan`."""
    name = shown(str(path), 300)
    try:
        with Path(path).open("rb") as file:
            text = file.read(_LARGEST + 1)
    except (OSError, ValueError) as wrong:
        reason = wrong.strerror if isinstance(wrong, OSError) and wrong.strerror else str(wrong)
        raise BadPlan(f"{name} cannot be read: {reason.lower()}") from None
    if len(text) > _LARGEST:
        raise BadPlan(f"{name} is too large to be a plan")
    return loads(text, name)


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _read(value: object) -> Plan:
    """The plan that a value of JSON is. Raises `ValueError` and msgspec's errors."""
    stated = value.get("format") if isinstance(value, dict) else None
    if isinstance(stated, int) and stated != FORMAT:
        raise ValueError(f"it is in format {stated}, and this version reads format {FORMAT}")
    plan = msgspec.convert(value, Plan)
    if plan.made_at.tzinfo is None:
        raise ValueError("the time at which it was made has no zone")
    written = json.loads(json.dumps(msgspec.to_builtins(plan)))
    if place := _differs(value, written, "the plan"):
        raise ValueError(f"{place} is not as this version writes it")
    return replace(plan, policy={name: _tupled(each) for name, each in plan.policy.items()})


def _differs(value: object, written: object, place: str) -> str:
    """Where a value has more or less than what was understood of it; empty where it has not."""
    if value == written:
        return ""
    if isinstance(value, dict) and isinstance(written, dict):
        odd = [*(value.keys() ^ written.keys())]
        names = odd or [name for name in value if value[name] != written[name]]
        inner = "" if odd else _differs(value[names[0]], written[names[0]], f"{place}.{names[0]}")
        return inner or f"{place}.{names[0]}"
    if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        number = next(at for at, pair in enumerate(zip(value, written, strict=True)) if pair[0] != pair[1])
        return _differs(value[number], written[number], f"{place}[{number}]")
    return place


def _tupled(value: object) -> object:
    """The same with tuples for JSON's lists."""
    if isinstance(value, dict):
        return {name: _tupled(each) for name, each in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
