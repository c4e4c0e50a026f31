"""Makes the generated pages of docs/reference anew: `python -m tools.reference`, or `--check` to compare."""

from __future__ import annotations

import sys
from argparse import Action
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import get_args, get_type_hints

from virtwarden.cli import VERBS
from virtwarden.cli.group import module_of
from virtwarden.cli.parsing import Parser
from virtwarden.control import CHAPTERS, Control
from virtwarden.controls import every_control
from virtwarden.facts.policy import Policy
from virtwarden.report.jsonreport import schema
from virtwarden.sources.redact import rules_in_words
from virtwarden.standards import blueprint, requirements_met_by, standards

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
_MADE = "<!-- Made by `make docs`; edit the source, not this page. -->\n\n"


def pages() -> dict[str, str]:
    """Every generated page by its file name."""
    return {
        "blueprint.md": _MADE + _blueprint_page(),
        "controls.md": _MADE + _controls_page(),
        "standards.md": _MADE + _standards_page(),
        "policy.md": _MADE + _policy_page(),
        "commands.md": _MADE + _commands_page(),
        "redaction.md": _MADE + _redaction_page(),
        "report.schema.json": schema(),
    }


def stale() -> list[str]:
    """The names of pages that are not as they would be made now."""
    return [name for name, text in pages().items() if _read(REFERENCE / name) != text]


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


def _link(control: str) -> str:
    return f"[`{control}`](controls.md#{control})"


def _blueprint_page() -> str:
    covering: dict[str, list[str]] = {}
    for control in every_control():
        for section in control.sections:
            covering.setdefault(section, []).append(control.id)
    procedures = blueprint().procedures
    covered = sum(procedure.id in covering for procedure in procedures)
    lines = [
        "# The blueprint's procedures, and the controls and commands that cover them",
        "",
        f"{blueprint().title}: {len(procedures)} procedures, {covered} of them covered by at least one control.",
        "Where following a procedure would be wrong today, the table says what is right; controls judge by that.",
        "",
    ]
    for section, members in groupby(procedures, key=lambda procedure: procedure.section):
        lines += [f"## {section}", "", "| Procedure | Asks | Controls and commands |", "| --- | --- | --- |"]
        for procedure in members:
            asks = procedure.asks + (f" **Today:** {procedure.corrected}" if procedure.corrected else "")
            commands = [f"`virt-warden {command}`" for command in procedure.commands]
            met = ", ".join((*map(_link, covering.get(procedure.id, [])), *commands)) or "none yet"
            lines.append(f"| {_cell(procedure.title)} | {_cell(asks)} | {met} |")
        lines.append("")
    return "\n".join(lines)


def _controls_page() -> str:
    controls = every_control()
    lines = ["# Controls", "", f"{len(controls)} controls. `virt-warden explain ID` prints the same.", ""]
    for chapter, members in groupby(controls, key=lambda control: control.chapter):
        lines += [f"## {CHAPTERS[chapter]}", ""]
        for control in members:
            lines += _control(control)
    return "\n".join(lines)


def _control(control: Control) -> Iterator[str]:
    titles = {procedure.id: procedure for procedure in blueprint().procedures}
    yield from (
        f"### {control.id}",
        "",
        f"**{control.title}.** Severity: {control.severity}.",
        "",
        control.why,
        "",
    )
    yield f"- **How it is judged:** {control.judged}"
    yield f"- **Fix:** {control.fix}"
    yield f"- **Proof:** {control.proof}"
    sections = "; ".join(f"{titles[id_].section}: {titles[id_].title}" for id_ in control.sections)
    yield f"- **Blueprint:** {sections or 'goes beyond it'}"
    met = ", ".join(f"{standard.id} {requirement.id}" for standard, requirement in requirements_met_by(control.id))
    yield from (f"- **Standards:** {met or 'none mapped'}", "")


def _standards_page() -> str:
    lines = ["# Standards", "", "`virt-warden scan --standard ID` groups a report by one of these.", ""]
    for standard in standards():
        lines += [f"## {standard.id}", "", f"{standard.title}. Source of the mapping: {standard.source}", ""]
        lines += ["| Requirement | Controls |", "| --- | --- |"]
        for requirement in standard.requirements:
            controls = ", ".join(map(_link, requirement.controls)) or "none"
            lines.append(f"| {_cell(requirement.id)} {_cell(requirement.title)} | {controls} |")
        lines.append("")
    return "\n".join(lines)


def _policy_page() -> str:
    lines = [
        "# Policy",
        "",
        "Every key of `/etc/virt-warden/policy.toml` and its default.",
        "See [how to write one](../howto/write-a-policy.md).",
        "",
    ]
    hints = get_type_hints(Policy)
    lines += ["- `profile`: the profile's name; default `baseline`.", ""]
    for section in fields(Policy):
        kind = hints[section.name]
        if section.name == "waiver":
            lines += _policy_section("[[waiver]]", get_args(kind)[0], required=True)
        elif is_dataclass(kind) and isinstance(kind, type):
            lines += _policy_section(f"[{section.name}]", kind, required=False)
            if section.name == "limits":
                inner = get_args(get_type_hints(kind)["classes"])[1]
                lines += _policy_section("[limits.classes.NAME]", inner, required=False)
    return "\n".join(lines)


def _policy_section(title: str, kind: type, *, required: bool) -> Iterator[str]:
    prose = " ".join((kind.__doc__ or "").split())
    yield from (
        f"## `{title}`",
        "",
        _sentence(prose.partition(": ")[2] or prose),
        "",
        "| Key | Default |",
        "| --- | --- |",
    )
    sample = None if required or title.count(".") else kind()
    for key in fields(kind):
        default = "required" if sample is None and key.default is not None and key.name != "subject" else ""
        value = default or _toml(getattr(sample, key.name, None))
        yield f"| `{key.name}` | {value} |"
    yield ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _toml(value: object) -> str:
    match value:
        case None:
            return "not set"
        case bool():
            return f"`{str(value).lower()}`"
        case tuple():
            return "`[" + ", ".join(f'"{item}"' for item in value) + "]`"
        case dict():
            return "`{}`"
        case str():
            return f'`"{value}"`'
    return f"`{value}`"


def _commands_page() -> str:
    lines = ["# Commands", "", "| Exit code | Means |", "| --- | --- |"]
    lines += [
        "| 0 | nothing failed and nothing is unknown |",
        "| 1 | at least one control failed |",
        "| 2 | none failed, but at least one is unknown or an error |",
        "| 3 | the command line, the policy or the source made no sense |",
        "",
    ]
    for name, parser in parsers():
        lines += [
            f"## virt-warden {name}",
            "",
            parser.description or "",
            "",
            "| Option | What it does |",
            "| --- | --- |",
        ]
        lines += [_option(action) for action in parser._actions if action.help and action.dest != "help"]
        lines.append("")
    return "\n".join(lines)


def parsers() -> Iterator[tuple[str, Parser]]:
    """Every command with its parser; of a verb that is a group, those of its commands."""
    for verb in VERBS:
        module = import_module(f"virtwarden.cli.{verb}")
        if callable(getattr(module, "options", None)):
            yield verb, module.options()
            continue
        for name in getattr(module, "COMMANDS", None) or module.PROOFS:
            yield from _grouped(verb, name)


def _grouped(verb: str, name: str) -> Iterator[tuple[str, Parser]]:
    module = import_module(f"virtwarden.cli.{verb}.{module_of(name)}")
    yield f"{verb} {name}", module.options()
    if name == "rules":
        yield "audit rules explain", module.explain_options()
        yield "audit rules lint", module.lint_options()
        yield "audit rules compare", module.compare_options()


def _option(action: Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings)
    value = action.metavar or ("|".join(map(str, action.choices)) if action.choices else "")
    shown = f"{names} {value}".strip() if names else f"`{value}`"
    return f"| {_cell(shown)} | {_cell(action.help or '')} |"


def _redaction_page() -> str:
    lines = [
        "# What is blanked",
        "",
        "Wherever a source's answer holds one of these, it is blanked before anything else sees it.",
        "",
    ]
    return "\n".join((*lines, *(f"- {rule}" for rule in rules_in_words()), ""))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def main() -> int:
    """Write the pages, or say which are stale."""
    if "--check" in sys.argv[1:]:
        old = stale()
        for name in old:
            print(f"docs/reference/{name} is stale: run make docs")
        return 1 if old else 0
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
