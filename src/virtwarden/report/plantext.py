"""A plan for a terminal: each difference with the controls it serves, what that disturbs, and what is left to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from virtwarden.model import Activation, Disturbance, Plan, Rewrite, Safety, Unfixed
from virtwarden.plan import BY_HAND
from virtwarden.report.layout import Detail, Style
from virtwarden.report.lines import Line, cornered, cut, hanging, line, printed
from virtwarden.report.phrases import count, moment
from virtwarden.report.visible import shown, visible_lines

_GUESTS = 8
_SUBJECTS = 6
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
    return printed(hanging(line("To make it so: ", (_command(plan, saved), "bold")), style.width, 0), style)


def _lines(plan: Plan, style: Style) -> Iterator[Line]:
    yield from _head(plan, style.width)
    if plan.rewrites:
        yield from _heading("Changes", count(len(plan.rewrites), "document"), style.width)
        for rewrite in plan.rewrites:
            yield from _rewrite(rewrite, style)
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


def _rewrite(rewrite: Rewrite, style: Style) -> Iterator[Line]:
    right = line((str(rewrite.safety), _INK_OF[rewrite.safety]))
    if rewrite.cuts:
        right.append(" · can cut your way in", "red")
    yield line()
    yield from cornered(line("  ", (shown(str(rewrite.document), 200), "bold")), right, style.width)
    yield from hanging(line((", ".join(shown(each, 80) for each in rewrite.controls), "dim")), style.width, 4)
    for each in _difference(rewrite):
        yield cut(line((each, _INKS.get(each[:1], "dim"))), style.width, 4)


def _difference(rewrite: Rewrite) -> Iterator[str]:
    for each in visible_lines(rewrite.diff.replace("\t", "    ")):
        if not each.startswith(("--- ", "+++ ")):
            yield each


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
    names = [shown(each.guest, 80) for each in group]
    more = f" and {len(names) - _GUESTS:,} more" if len(names) > _GUESTS else ""
    word = "guest" if len(names) == 1 else f"{len(names):,} guests"
    return f"{word} {', '.join(names[:_GUESTS])}{more}"


def _unfixed(unfixed: Sequence[Unfixed], style: Style) -> Iterator[Line]:
    yield from _heading("Left to you", count(len(unfixed), "finding"), style.width)
    for control, group in groupby(sorted(unfixed, key=lambda each: each.control), key=lambda each: each.control):
        members = list(group)
        yield line()
        yield line("  ", (shown(control, 80), "bold"))
        by_steps: dict[tuple[str, tuple[str, ...]], dict[str, None]] = {}
        for each in members:
            by_steps.setdefault((each.why, each.steps), {}).setdefault(str(each.subject))
        limit = 50 if style.detail is Detail.FULL else 5
        for (why, steps), subjects in list(by_steps.items())[:limit]:
            because = "" if why == BY_HAND else f": {shown(why, 400)}"
            yield from hanging(line(_some(subjects), (because, "dim")), style.width, 4)
            for step in steps:
                yield from hanging(line(shown(step, 1000)), style.width, 6, "→ ", "cyan")
        if len(by_steps) > limit:
            yield line("    ", (f"and {count(len(by_steps) - limit, 'more kind')} of it", "dim"))


def _some(subjects: Iterable[str]) -> str:
    names = [shown(each, 80) for each in subjects]
    more = f" and {len(names) - _SUBJECTS:,} more" if len(names) > _SUBJECTS else ""
    return ", ".join(names[:_SUBJECTS]) + more


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
    if plan.root == "/" and any(each.cuts for each in plan.rewrites):
        words.append("--confirm 120")
    return " ".join(words)
