"""`virt-warden history`: what was changed on this host, when, by whom and for which controls."""

from __future__ import annotations

import argparse

import msgspec

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.state import add_state, in_a_sentence, journal_in
from virtwarden.edits import describe
from virtwarden.journal import Journal, Transaction
from virtwarden.journal.records import Writing
from virtwarden.report.visible import visible


def run(words: list[str]) -> int:
    """List the transactions, or tell of one."""
    chosen = options().parse_args(words)
    with in_a_sentence():
        return _told(journal_in(chosen.state), chosen)


def _told(journal: Journal, chosen: argparse.Namespace) -> int:
    if chosen.id:
        found = journal.find(chosen.id)
        if found is None:
            raise UsageError(f"there is no transaction {chosen.id}; virt-warden history lists them")
        print(_json([found]) if chosen.json else _whole(found))
        return PASSED
    every = list(journal.history())
    if chosen.json:
        print(_json(every))
    elif not every:
        print("nothing was changed yet")
    else:
        print("\n".join(_line(each) for each in every))
    return PASSED


def _line(each: Transaction) -> str:
    documents = list(
        dict.fromkeys(str(s.begun.document) for s in each.steps.values() if isinstance(s.begun, Writing))
    )
    more = f" and {len(documents) - 2} more" if len(documents) > 2 else ""
    of = f", what the roll-back of {each.begun.of} overwrote" if each.begun.of else ""
    what = visible(", ".join(documents[:2])) + more
    return f"{each.id:<18} {each.begun.at:%Y-%m-%d %H:%M} {each.status:<17} {visible(each.begun.who)}: {what}{of}"


def _whole(each: Transaction) -> str:
    lines = [_line(each), f"host {visible(each.begun.host)}, below {visible(each.begun.root)}"]
    for step in each.steps.values():
        state = "undone" if step.undone else "done" if step.done is not None else "cut short"
        if isinstance(step.begun, Writing):
            said = "; ".join(describe(edit) for edit in step.begun.edits) or "made"
            lines.append(f"  {state:<9} {visible(str(step.begun.document))}: {visible(said)}")
            lines += [f"            for {control}" for control in step.begun.controls]
        else:
            lines.append(f"  {state:<9} {visible(str(step.begun.activation))}")
    if each.rolled_back is not None:
        lines += [f"  look at {visible(warning)}" for warning in each.rolled_back.warnings]
    return "\n".join(lines)


def _json(every: list[Transaction]) -> str:
    told = [
        {
            "id": each.id,
            "at": each.begun.at,
            "status": str(each.status),
            "who": each.begun.who,
            "host": each.begun.host,
            "root": each.begun.root,
            "controls": each.begun.controls,
            "documents": [str(s.begun.document) for s in each.steps.values() if isinstance(s.begun, Writing)],
        }
        for each in every
    ]
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode()


def options() -> Parser:
    """The options of this command."""
    made = parser("history", "List what was changed on this host, the latest first.")
    made.add_argument("id", nargs="?", metavar="ID", help="tell all of this transaction")
    made.add_argument("--json", action="store_true", help="as JSON")
    add_state(made)
    return made
