"""Audit rules as text for a terminal and as JSON: the set for a host, its reasons, what a linter says, a comparison."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import msgspec

from virtwarden.report.layout import Style
from virtwarden.report.lines import Line, hanging, line, printed
from virtwarden.report.visible import shown, visible
from virtwarden.ruleset.compare import Compared, Comparison
from virtwarden.ruleset.generator import RuleSet
from virtwarden.ruleset.lint.remark import Line as Linted
from virtwarden.ruleset.lint.remark import Weight
from virtwarden.ruleset.purposes import NEVER, purpose

_INKS = {Weight.ERROR: "red", Weight.WARNING: "yellow", Weight.NOTE: "dim"}
_TEXT = 2000
_SIDES = ("on disk", "compiled", "loaded")


def files_text(rules: RuleSet) -> str:
    """The files as they would be written, each under its path."""
    texts = [f"### {path}\n{text}" for path, text in rules.files().items()]
    return "\n".join(texts)


def files_json(rules: RuleSet) -> str:
    """Every rule with its file, key, path, purpose and cost."""
    told = [
        {
            "rule": each.line, "key": each.key or None, "path": each.path, "in": each.elsewhere or None,
            "for": about.what, "rate": about.rate, "why": about.why,
        }
        for each in (*rules.never, *rules.always)
        for about in (purpose(each.key) if each.key else NEVER,)
    ]  # fmt: skip
    return _json({"files": rules.files(), "rules": told, "remarks": rules.remarks})


def explained(rules: RuleSet, keys: Sequence[str], style: Style) -> str:
    """What the rules of each key are for, what they may cost, and how their records are found."""
    return printed(_explained(rules, keys, style), style)


def _explained(rules: RuleSet, keys: Sequence[str], style: Style) -> Iterator[Line]:
    for remark in () if keys else rules.remarks:
        yield from hanging(line(visible(remark)), style.width, 0)
    if rules.never and not keys:
        yield from _purpose("exceptions", NEVER.what, f"{NEVER.rate}: {NEVER.why}.", "", style)
        yield from (line("    ", visible(each.line)) for each in rules.never)
    for key in dict.fromkeys(each.key for each in rules.always):
        if keys and key not in keys:
            continue
        about = purpose(key)
        yield from _purpose(key, about.what, about.cost, f"virt-warden audit search -k {key}", style)
        yield from (line("    ", visible(each.line)) for each in rules.always if each.key == key)


def _purpose(key: str, what: str, cost: str, search: str, style: Style) -> Iterator[Line]:
    yield line()
    yield line((key, "bold"))
    for word, text in (("for", f"{what}."), ("cost", cost), ("found by", search)):
        if text:
            yield from hanging(line(text), style.width, 2, f"{word:<9} ", "dim")


def lint_text(lines: Sequence[Linted], style: Style) -> str:
    """Errors and warnings by line with what should stand there; then notes, each once with the lines it is about."""
    return printed(_lint_text(lines, style), style)


def _lint_text(lines: Sequence[Linted], style: Style) -> Iterator[Line]:
    for each in lines:
        if each.weight is not Weight.NOTE:
            yield from _linted(each, style)
    yield from _notes(lines, style)
    counts = {weight: sum(r.weight is weight for each in lines for r in each.remarks) for weight in Weight}
    told = ", ".join(f"{n} {weight}{'s' if n != 1 else ''}" for weight, n in counts.items() if n)
    yield line(told or "nothing is to be said of these rules")


def _linted(each: Linted, style: Style) -> Iterator[Line]:
    yield line((f"{visible(each.path)}:{each.number}", "bold"))
    yield line("    ", shown(each.text.strip(), _TEXT))
    for remark in each.remarks:
        if remark.weight is not Weight.NOTE:
            said = line((remark.id, "bold"), ": ", shown(remark.why, _TEXT))
            yield from hanging(said, style.width, 2, f"{remark.weight:<8}", _INKS[remark.weight])
    if each.instead == ():
        yield line("  ", ("instead ", "green"), "nothing")
    for place, text in enumerate(each.instead or ()):
        lead = "instead " if place == 0 else "        "
        yield line("  ", (lead, "green"), shown(text, _TEXT))
    yield line()


def _notes(lines: Sequence[Linted], style: Style) -> Iterator[Line]:
    places: dict[tuple[str, str], list[str]] = defaultdict(list)
    for each in lines:
        for remark in each.remarks:
            if remark.weight is Weight.NOTE:
                places[remark.id, remark.why].append(f"{visible(each.path)}:{each.number}")
    for (id_, why), where in places.items():
        more = f" and {len(where) - 1} more" if len(where) > 1 else ""
        said = line((id_, "bold"), f": {shown(why, _TEXT)} ({where[0]}{more})")
        yield from hanging(said, style.width, 2, f"{Weight.NOTE:<8}", _INKS[Weight.NOTE])
    if places:
        yield line()


def lint_json(lines: Sequence[Linted]) -> str:
    """Every line with all that is said of it."""
    return _json(
        [
            {
                "file": each.path, "line": each.number, "text": each.text, "instead": each.instead,
                "remarks": [{"id": r.id, "weight": str(r.weight), "why": r.why} for r in each.remarks],
            }
            for each in lines
        ]
    )  # fmt: skip


def compared_text(found: Comparison, whole: Sequence[Compared], style: Style) -> str:
    """The rules of `whole` with the sides that have them, and how many are the same everywhere."""
    return printed(_compared_text(found, whole, style), style)


def _compared_text(found: Comparison, whole: Sequence[Compared], style: Style) -> Iterator[Line]:
    if whole:
        yield line(("  ".join(_SIDES), "bold"))
    for each in whole:
        sides = (each.on_disk, each.compiled, each.loaded)
        marks = [(f"{_mark(has):<{len(name)}}  ", _ink(has)) for name, has in zip(_SIDES, sides, strict=True)]
        yield line(*marks, shown(each.rule.text.strip(), _TEXT))
        if each.place:
            yield line(" " * (sum(map(len, _SIDES)) + 6), (visible(each.place), "dim"))
    if whole:
        yield line()
    yield from hanging(line(_verdict(found)), style.width, 0)
    for side, why in found.unread.items():
        yield from hanging(line(f"not read: the rules {side}: {visible(why)}"), style.width, 0)
    for remark in found.remarks:
        yield from hanging(line(visible(remark)), style.width, 0)


def _mark(has: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[has]


def _ink(has: bool | None) -> str:
    return {True: "green", False: "red", None: "dim"}[has]


def _verdict(found: Comparison) -> str:
    same, other = len(found.rules) - len(found.differing), len(found.differing)
    known = [side for side in _SIDES if any(_of(each, side) is not None for each in found.rules)]
    sides = f"{', '.join(known[:-1])} and {known[-1]}" if len(known) > 1 else "".join(known)
    if not found.rules:
        return "there are no rules anywhere"
    if not other:
        return f"{_rules(same)} the same {sides}"
    return f"{_rules(other)} not everywhere; {_rules(same)} the same {sides}"


def _of(each: Compared, side: str) -> bool | None:
    return {"on disk": each.on_disk, "compiled": each.compiled, "loaded": each.loaded}[side]


def _rules(number: int) -> str:
    return "1 rule is" if number == 1 else f"{number} rules are"


def compared_json(found: Comparison) -> str:
    """Every rule with the sides that have it."""
    told = [
        {"rule": each.rule.text.strip(), "place": each.place or None, "on_disk": each.on_disk,
         "compiled": each.compiled, "loaded": each.loaded}
        for each in found.rules
    ]  # fmt: skip
    return _json({"rules": told, "remarks": found.remarks, "unread": dict(found.unread)})


def _json(value: object) -> str:
    text = msgspec.json.format(msgspec.json.encode(_encodable(value)), indent=2).decode()
    return text + "\n"


def _encodable(value: object) -> object:
    """The same with undecodable bytes spelled out, as JSON takes no lone surrogates."""
    match value:
        case str():
            return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {_encodable(key): _encodable(each) for key, each in value.items()}
        case list() | tuple():
            return [_encodable(each) for each in value]
        case _:
            return value
