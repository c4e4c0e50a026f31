"""`virt-warden audit`: what audit logs tell of guests. Only the command that is asked for is imported."""

from __future__ import annotations

from virtwarden.cli import PASSED, USAGE, UsageError

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
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return PASSED if words else USAGE
    name = words[0]
    if name not in COMMANDS:
        raise UsageError(f"there is no command audit {name}; {_nearest(name)}")
    import gc  # noqa: PLC0415
    from importlib import import_module  # noqa: PLC0415

    if name != "follow":
        gc.disable()  # a log makes millions of values, none of which hold each other in a circle
    module = "import_" if name == "import" else name
    return int(import_module(f"virtwarden.cli.audit.{module}").run(words[1:]))


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only where somebody mistyped

    close = get_close_matches(name, COMMANDS, 1)
    return f"did you mean {close[0]}?" if close else "virt-warden audit --help lists them"


def _help() -> str:
    commands = "\n".join(f"  {name:<10} {what}" for name, what in COMMANDS.items())
    return f"""usage: virt-warden audit COMMAND [OPTIONS] [FILE...]

Who ran which guest, when, and what was denied. Reads /var/log/audit unless files or folders are named, - for
standard input; what is rotated and compressed with gzip, xz or zstd is read as it is.

commands:
{commands}

virt-warden audit COMMAND --help tells of a command's options."""
