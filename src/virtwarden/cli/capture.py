"""`virt-warden capture`: records everything that a scan asks of a host, without its secrets."""

from __future__ import annotations

import sys

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.options import add_policy, add_source, parser, policy_of, source_of
from virtwarden.controls import every_control
from virtwarden.host import Host
from virtwarden.scan import scan


def run(words: list[str]) -> int:
    """Run every control against a recorder and write what it heard."""
    from virtwarden.sources.recording import Recorder  # noqa: PLC0415  # sources are imported where they are used

    options = parser("capture", "Record a host, without its secrets. virt-warden scan --snapshot FILE judges it.")
    options.add_argument(
        "file", metavar="FILE", help="where the recording goes; compressed if the name ends in .gz"
    )
    add_source(options)
    add_policy(options)
    chosen = options.parse_args(words)
    policy, _ = policy_of(chosen)
    with source_of(chosen) as source:
        recorder = Recorder(source)
        scan(Host(recorder, policy), every_control())
        try:
            recorder.save(chosen.file)
        except OSError as wrong:
            raise UsageError(f"cannot write {chosen.file}: {wrong.strerror}") from None
    print(f"virt-warden: recorded {source.name} in {chosen.file}; its secrets are blanked", file=sys.stderr)
    return PASSED
