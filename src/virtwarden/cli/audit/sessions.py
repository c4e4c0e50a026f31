"""`virt-warden audit sessions`: every guest from its start to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain

from virtwarden import events
from virtwarden.cli import PASSED
from virtwarden.cli.audit.options import add_form, add_window, telling, window_of, write_out
from virtwarden.cli.audit.users import Users
from virtwarden.cli.parsing import Parser, parser
from virtwarden.events.model import Session
from virtwarden.events.sorting import by_start
from virtwarden.report.audit.lines import SessionLines, no_proof, session_proof


def run(words: list[str]) -> int:
    """Print the sessions that went on in the window."""
    chosen = options().parse_args(words)
    choice = window_of(chosen)
    with telling() as skipped:
        is_brief = chosen.form == "text" and not chosen.proof and not chosen.parquet  # no labels, no proof
        read = events.brief_sessions if is_brief else events.sessions
        found = read(choice.files, skipped)
        if choice.is_narrow:
            found = filter(choice.session, found)
        if chosen.parquet:
            from virtwarden.events.columns import sessions_to_parquet  # noqa: PLC0415  # an extra

            sessions_to_parquet(by_start(found, _as_it_is), chosen.parquet)
        else:
            write_out(_pieces(found, chosen.form, chosen.proof))
    return PASSED


def _pieces(found: Iterable[Session], form: str, proof: object) -> Iterator[str]:
    if form == "text":
        line = SessionLines(Users(), session_proof if proof else no_proof)
        return chain((line.head,), by_start(found, line))
    from virtwarden.report.audit import told  # noqa: PLC0415  # only where it is asked for

    ordered = by_start(found, _as_it_is)
    if form == "json":
        return told.as_json(ordered, told.session_row)
    return told.as_csv(ordered, told.session_row, told.SESSION_COLUMNS)


def _as_it_is(session: Session) -> Session:
    return session


def options() -> Parser:
    """The options of this command."""
    made = parser("audit sessions", "Every guest from its start to its end: who, when, how long, why.")
    add_window(made)
    add_form(made)
    made.add_argument("--proof", action="store_true", help="name the records behind each line")
    return made
