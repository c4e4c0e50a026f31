"""A plan as JSON: what `virt-warden plan --out` saves and `virt-warden apply` reads.

It holds edits, digests and differences without secrets; never the text of a document.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from virtwarden.model import Plan
from virtwarden.report.visible import shown, without_surrogates

FORMAT = 1
_LARGEST = 2**29
_decoder = msgspec.json.Decoder(Plan)


class BadPlan(ValueError):
    """A file is not a plan that can be read; the message says which file and why, in one sentence."""


def dumps(plan: Plan) -> str:
    """The plan as JSON text, indented for those who read it."""
    text = msgspec.json.encode(_encodable(msgspec.to_builtins(plan)))
    return msgspec.json.format(text, indent=2).decode() + "\n"


def loads(text: str | bytes, name: str = "the text") -> Plan:
    """The plan that was written as this text. Raises `BadPlan`."""
    try:
        plan = _decoder.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as wrong:
        raise BadPlan(f"{name} is not a plan: {shown(str(wrong), 300)}") from None
    if plan.format != FORMAT:
        raise BadPlan(f"{name} is a plan in format {plan.format}; this version reads format {FORMAT}")
    return plan


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


def _encodable(value: object) -> object:
    """The same with undecodable bytes of the host spelled out, which JSON cannot hold."""
    if isinstance(value, str):
        return without_surrogates(value)
    if isinstance(value, dict):
        return {key: _encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(each) for each in value]
    return value
