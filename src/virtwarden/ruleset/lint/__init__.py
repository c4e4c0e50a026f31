"""Looks through rules files for lines that do not load, never match, or record other than they seem to.

Rules as such are judged by `formats.auditrules`, lines that were torn in print are put together by `mending`, single
rules are looked at by `single`, and rules beside each other by `together`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from virtwarden.formats import auditrules
from virtwarden.formats.auditrules import Broken, Rule
from virtwarden.ruleset.lint.draft import Draft
from virtwarden.ruleset.lint.mending import mended
from virtwarden.ruleset.lint.remark import Around, File, Line, Remark, Weight
from virtwarden.ruleset.lint.single import remarks_on
from virtwarden.ruleset.lint.together import remarks_between

__all__ = ["Around", "Line", "Remark", "Weight", "lint"]


_STYLE = ("no-twin", "no-arch", "list-order", "trailing-slash", "old-watch", "no-key", "old-path", "one-daemon")


def lint(texts: Iterable[tuple[str, str]], around: Around | None = None) -> list[Line]:
    """The lines of these files (path and text, in the order of loading) that something is to be said of, in order.
    Never raises."""
    about = around or Around()
    files = [File(path, auditrules.parse(text)) for path, text in texts]
    between: dict[tuple[str, int], list[Remark]] = defaultdict(list)
    for path, number, remark in remarks_between(files, about):
        between[path, number].append(remark)
    lines = [line for file in files for line in _of_file(file, about, between)]
    return list(_each_rule_once(lines, files))


def _each_rule_once(lines: list[Line], files: list[File]) -> Iterator[Line]:
    """The lines with what should stand there, but never the same rule twice."""
    said = {(line.path, line.number) for line in lines}
    sound = (rule for file in files for rule in file.rules.rules if (file.path, rule.line) not in said)
    seen: set[Rule] = set(sound)
    for line in lines:
        if line.instead is None:
            yield line
            continue
        rules = {text: auditrules.parse(text).rules for text in line.instead}
        kept = tuple(text for text, read in rules.items() if not read or read[0] not in seen)
        seen |= {rule for read in rules.values() for rule in read}
        yield replace(line, instead=kept)


def _of_file(file: File, about: Around, between: Mapping[tuple[str, int], list[Remark]]) -> list[Line]:
    found: list[Line] = []
    rules = {rule.line: rule for rule in file.rules.rules}
    broken = {each.line: each for each in file.rules.broken}
    numbers = {number for path, number in between if path == file.path} | rules.keys() | broken.keys()
    for number in sorted(numbers):
        more = between.get((file.path, number), [])
        if number in broken:
            found.append(_of_broken(file.path, broken[number], about, more))
        elif number in rules:
            found += _of_rule(file.path, rules[number], about, more)
        else:
            text = next((f"{c.option} {c.value}".strip() for c in file.rules.controls if c.line == number), "")
            found.append(Line(file.path, number, text, tuple(more), None))
    return found


def _of_rule(path: str, rule: Rule, about: Around, more: list[Remark]) -> list[Line]:
    remarks, drafts = remarks_on(rule, about)
    every = _without_needless((*remarks, *more))
    if not every:
        return []
    return [Line(path, rule.line, rule.text, every, _written(drafts, about, more))]


def _of_broken(path: str, broken: Broken, about: Around, more: list[Remark]) -> Line:
    torn, text = mended(broken)
    read = auditrules.parse(text)
    if len(read.rules) != 1 or read.broken:
        instead = (text,) if not read.broken and text != broken.text.strip() else None
        return Line(path, broken.line, broken.text, (torn, *more), instead)
    remarks, drafts = remarks_on(read.rules[0], about)
    every = _without_needless((torn, *remarks, *more))
    return Line(path, broken.line, broken.text, every, _written(drafts, about, more))


def _without_needless(remarks: tuple[Remark, ...]) -> tuple[Remark, ...]:
    """Of a line that should go, how it could be better need not be said."""
    if not any(remark.drops for remark in remarks):
        return remarks
    return tuple(each for each in remarks if each.drops or each.id not in _STYLE)


def _written(drafts: Sequence[Draft], about: Around, more: Sequence[Remark]) -> tuple[str, ...]:
    """The correct lines; none where the line should go."""
    if any(remark.drops for remark in more):
        return ()
    return tuple(line for draft in drafts for line in draft.lines(about.arches))
