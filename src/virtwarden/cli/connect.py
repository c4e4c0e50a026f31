"""`virt-warden connect`: the command that reaches libvirt on a host as the policy wants it."""

from __future__ import annotations

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.reaching import add_reach, become, reach_of, shell


def run(words: list[str]) -> int:
    """Print the command, or become it."""
    chosen = options().parse_args(words)
    reach = reach_of(chosen, chosen.host)
    if chosen.pkipath and reach.transport != "tls":
        raise UsageError("--pkipath is for the transport tls")
    uri = reach.uri(chosen.pkipath)
    argv = ("virsh", *(("-r",) if chosen.read_only else ()), "-c", uri)
    if chosen.run:
        return become(argv)
    if chosen.json:
        import json  # noqa: PLC0415

        print(
            json.dumps({"transport": reach.transport, "uri": uri, "argv": argv, "command": shell(argv)}, indent=2)
        )
    else:
        print(shell(argv))
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("connect", "Show, or run, the command that reaches libvirt on a host as the policy wants it.")
    made.add_argument("host", nargs="?", metavar="HOST", help="the host (default: this one)")
    made.add_argument("--read-only", action="store_true", help="for looking only")
    made.add_argument("--pkipath", metavar="DIR", help="over tls: the folder with the client's certificate")
    add_reach(made)
    return made
