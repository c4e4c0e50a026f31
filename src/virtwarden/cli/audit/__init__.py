"""`virt-warden audit`: what audit logs tell of guests. Only the command that is asked for is imported."""

from __future__ import annotations

import gc

from virtwarden.cli.group import hand_over, listed

COMMANDS = {
    "sessions": "every guest from its start to its end: who, when, how long, why",
    "events": "what happened to guests: resources, labels, denials, anomalies",
    "summary": "counts, by host and guest",
    "timeline": "a guest's sessions, resources and denials as a picture",
    "show": "the raw records of an event",
    "search": "records by key, type, user …, interpreted",
    "follow": "events as they are written",
    "evidence": "the records behind an answer as a bundle that can be checked",
    "verify": "check such a bundle",
    "import": "every record into Parquet, only what is new",
    "sql": "ask the records, events and sessions in SQL",
    "rules": "make, explain, lint and compare the host's audit rules",
}


def run(words: list[str]) -> int:
    """Hand over to the command that is named."""
    if words[:1] != ["follow"]:
        gc.disable()  # a log makes millions of values, none of which hold each other in a circle
    return hand_over("audit", COMMANDS, words, _page())


def _page() -> str:
    return f"""usage: virt-warden audit COMMAND [OPTIONS] [FILE...]

Who ran which guest, when, and what was denied. Reads /var/log/audit unless files or folders are named, - for
standard input; what is rotated and compressed with gzip, xz or zstd is read as it is.

commands:
{listed(COMMANDS)}

virt-warden audit COMMAND --help tells of a command's options."""
