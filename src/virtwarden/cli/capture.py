"""`virt-warden capture`: records everything that a scan asks of a host, without its secrets."""

from __future__ import annotations

import sys

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.options import add_policy, add_source, policy_of, source_of
from virtwarden.cli.parsing import Parser, parser
from virtwarden.controls import every_control
from virtwarden.host import Host
from virtwarden.scan import scan


def run(words: list[str]) -> int:
    """Run every control against a recorder and write what it heard."""
    from virtwarden.sources.recording import Recorder  # noqa: PLC0415  # sources are imported where they are used

    chosen = options().parse_args(words)
    policy, _ = policy_of(chosen)
    with source_of(chosen) as source:
        recorder = Recorder(source)
        scan(Host(recorder, policy), every_control())
        try:
            recorder.write(chosen.file)
        except OSError as wrong:
            raise UsageError(f"cannot write {chosen.file}: {wrong.strerror}") from None
    print(f"virt-warden: recorded {source.name} in {chosen.file}; its secrets are blanked", file=sys.stderr)
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("capture", "Record a host, without its secrets. virt-warden scan --snapshot FILE judges it.")
    made.add_argument("file", metavar="FILE", help="where the recording goes; compressed if it ends in .gz")
    add_source(made)
    add_policy(made)
    return made
