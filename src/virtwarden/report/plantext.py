"""A plan for a terminal: each difference with the controls it serves, what that disturbs, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, repeat

from virtwarden.model import Activation, Disturbance, Plan, Rewrite, Safety, Unfixed
from virtwarden.plan import BY_HAND
from virtwarden.report.layout import Detail, Style
from virtwarden.report.lines import Line, cornered, cut, hanging, line, printed
from virtwarden.report.phrases import count, joined, moment, subjects
from virtwarden.report.visible import shown, visible_lines

_GUESTS = 8
_SUBJECTS = 6
_DOCUMENTS = 6
_CONFIRM = (
    "It can cut your way in, so it is taken back after 120 s unless you come in anew by then and say: "
    "virt-warden confirm"
)
_INKS = {"+": "green", "-": "red", "@": "cyan"}
_INK_OF = {Safety.SAFE: "green", Safety.DISRUPTIVE: "yellow", Safety.MANUAL: "red"}


def render(plan: Plan, style: Style | None = None) -> str:
    """The plan as text of this style."""
    style = style or Style()
    return printed(_lines(plan, style), style)


def how_to_apply(plan: Plan, style: Style, saved: str = "") -> str:
    """The command that makes it so; `saved` is the file that the plan was saved in. Empty where there is nothing."""
    if not plan.rewrites:
        return ""
    lines = [*hanging(line("To make it so: ", (_command(plan, saved), "bold")), style.width, 0)]
    if _needs_confirmation(plan):
        lines += hanging(line((_CONFIRM, "dim")), style.width, 0)
    return printed(lines, style)


def _lines(plan: Plan, style: Style) -> Iterator[Line]:
    yield from _head(plan, style.width)
    if plan.rewrites:
        yield from _heading("Changes", count(len(plan.rewrites), "document"), style.width)
        for alike in _alike(plan.rewrites, style.detail):
            yield from _rewrite(alike, style)
    if plan.activations:
        yield from _activations(plan.activations, style.width)
    if plan.blast or any(each.when for each in plan.expected):
        yield from _later(plan, style.width)
    if plan.unfixed:
        yield from _unfixed(plan.unfixed, style)
    yield from _closing(plan, style.width)


def _head(plan: Plan, width: int) -> Iterator[Line]:
    left = line((f"Plan for {shown(plan.host, 80)}", "bold"))
    yield from cornered(left, line((f"virt-warden {shown(plan.version, 40)}", "dim")), width)
    below = [] if plan.root == "/" else [f"below {shown(plan.root, 200)}"]
    about = [*below, moment(plan.made_at), f"profile {shown(plan.profile, 80)}"]
    yield from hanging(line((" · ".join(about), "dim")), width, 0)


def _heading(title: str, told: str, width: int) -> Iterator[Line]:
    yield line()
    yield line()
    yield from cornered(line((title, "bold")), line((told, "dim")), width, "─")


def _alike(rewrites: Sequence[Rewrite], detail: Detail) -> Iterator[list[Rewrite]]:
    """The rewrites in their order, but for neighbours of one kind that change in the same way, which go together."""
    if detail is Detail.FULL:
        yield from ([each] for each in rewrites)
        return
    for _, neighbours in groupby(rewrites, key=lambda each: each.document.kind):
        groups: dict[object, list[Rewrite]] = {}
        for each in neighbours:
            changed = tuple(line for line in _difference(each) if line.startswith(("+", "-")))
            key = (changed, each.controls, each.safety, each.cuts)
            groups.setdefault(key, []).append(each)
        yield from groups.values()


def _rewrite(alike: Sequence[Rewrite], style: Style) -> Iterator[Line]:
    rewrite, *others = alike
    right = line((str(rewrite.safety), _INK_OF[rewrite.safety]))
    if rewrite.cuts:
        right.append(" · can cut your way in", "red")
    yield line()
    yield from cornered(line("  ", (shown(str(rewrite.document), 200), "bold")), right, style.width)
    yield from hanging(line((", ".join(shown(each, 80) for each in rewrite.controls), "dim")), style.width, 4)
    for each in _difference(rewrite):
        yield cut(line((each, _INKS.get(each[:1], "dim"))), style.width, 4)
    if others:
        names = _some((each.document.name for each in others), _DOCUMENTS)
        yield from hanging(line(("likewise  ", "cyan"), names), style.width, 4)


def _difference(rewrite: Rewrite) -> Iterator[str]:
    for each in visible_lines(rewrite.diff.rstrip().replace("\t", "    ")):
        if not each.startswith(("--- ", "+++ ")):
            yield each.rstrip()


def _activations(activations: Sequence[Activation], width: int) -> Iterator[Line]:
    yield from _heading("Then", count(len(activations), "step"), width)
    yield line()
    for each in activations:
        yield from hanging(
            line(shown(str(each), 200), (f"  {shown(each.note, 400)}" if each.note else "", "dim")), width, 2
        )


def _later(plan: Plan, width: int) -> Iterator[Line]:
    """What guests notice, and which findings wait for something."""
    yield from _heading("Takes effect later", "", width)
    yield line()
    for how, group in groupby(sorted(plan.blast, key=_how), key=_how):
        yield from hanging(line(f"{_named(group)}: {shown(how, 400)}"), width, 2)
    waiting: dict[str, dict[str, None]] = {}
    for each in plan.expected:
        if each.when and not each.when.startswith("guest "):
            waiting.setdefault(shown(each.when, 200), {}).setdefault(shown(each.control, 80))
    for when, controls in waiting.items():
        yield from hanging(line(f"once {when}: ", (", ".join(controls), "dim")), width, 2)


def _how(disturbance: Disturbance) -> str:
    return disturbance.how


def _named(group: Iterable[Disturbance]) -> str:
    names = [each.guest for each in group]
    return f"{'guest' if len(names) == 1 else 'guests'} {_some(names, _GUESTS)}"


def _unfixed(unfixed: Sequence[Unfixed], style: Style) -> Iterator[Line]:
    yield from _heading("Left to you", count(len(unfixed), "finding"), style.width)
    limit = 50 if style.detail is Detail.FULL else 5
    for control, group in groupby(sorted(unfixed, key=lambda each: each.control), key=lambda each: each.control):
        yield line()
        yield from hanging(line((shown(control, 80), "bold")), style.width, 2)
        kinds = _kinds(group)
        for alike in kinds[:limit]:
            yield from _steps(alike, style.width)
        if rest := len({each.subject for alike in kinds[limit:] for each in alike}):
            yield line("    ", (f"and steps for {rest:,} more; --format json has them all", "dim"))


def _kinds(unfixed: Iterable[Unfixed]) -> list[list[Unfixed]]:
    """Those together whose steps are the same but for the name of what they are taken on."""
    kinds: dict[object, list[Unfixed]] = {}
    for each in unfixed:
        name = each.subject.name
        steps = tuple(step.replace(name, "\0") if name else step for step in each.steps)
        kinds.setdefault((each.why, each.subject.kind, steps), []).append(each)
    return list(kinds.values())


def _steps(alike: Sequence[Unfixed], width: int) -> Iterator[Line]:
    """The steps for the first, and for whom else they are to be taken in the same way."""
    first = alike[0]
    same = [each for each in alike if each.steps == first.steps]
    others = [each for each in alike if each.steps != first.steps]
    because = "" if first.why == BY_HAND else f": {shown(first.why, 400)}"
    yield from hanging(line(subjects(same, _SUBJECTS), (because, "dim")), width, 4)
    for step in first.steps:
        for words, mark in zip(visible_lines(step), chain(("→ ",), repeat("  ")), strict=False):
            yield from hanging(line(shown(words, 1000)), width, 6, mark, "cyan")
    if others:
        yield from hanging(line(("likewise  ", "cyan"), subjects(others, _SUBJECTS)), width, 6)


def _some(names: Iterable[str], limit: int) -> str:
    every = [*dict.fromkeys(names)]
    more = [f"{len(every) - limit:,} more"] if len(every) > limit else []
    return joined([*(shown(each, 80) for each in every[:limit]), *more])


def _closing(plan: Plan, width: int) -> Iterator[Line]:
    yield line()
    yield line()
    if not plan.rewrites and not plan.unfixed:
        yield from hanging(line(("Nothing is left to do.", "bold")), width, 0)
        return
    documents, findings = count(len(plan.rewrites), "document"), count(len(plan.expected), "finding")
    mended = f"{documents} would change and {findings} be mended"
    left = f"{count(len(plan.unfixed), 'finding')} left to you" if plan.unfixed else "nothing is left to you"
    yield from hanging(line((f"{mended}; {left}.", "bold")), width, 0)


def _command(plan: Plan, saved: str) -> str:
    words = ["virt-warden apply"]
    if saved:
        words.append(shown(saved, 200))
    if plan.root != "/":
        words.append(f"--root {shown(plan.root, 200)}")
    if any(each.safety is Safety.DISRUPTIVE for each in plan.rewrites):
        words.append("--allow-disruptive")
    if _needs_confirmation(plan):
        words.append("--confirm 120")
    return " ".join(words)


def _needs_confirmation(plan: Plan) -> bool:
    return plan.root == "/" and any(each.cuts for each in plan.rewrites)
