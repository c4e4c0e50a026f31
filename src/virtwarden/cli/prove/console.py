"""`virt-warden prove console`: strangers of every kind try the consoles of running guests, and so does our client."""

from __future__ import annotations

from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.prove.showing import add_shown, wallet_of

DEFAULTS = ("~/.pki/libvirt-vnc", "~/.pki/libvirt", "/etc/pki/libvirt-vnc", "/etc/pki/libvirt")
STRANGERS = ("expired", "revoked")


def run(words: list[str]) -> int:
    """Prove that consoles are open to whom they should be, and to nobody else."""
    chosen = options().parse_args(words)
    from virtwarden.cli.prove.telling import told  # noqa: PLC0415  # not needed for help
    from virtwarden.host import Host  # noqa: PLC0415
    from virtwarden.labs.probes.network import Network  # noqa: PLC0415
    from virtwarden.prove.console import prove_console  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415

    host = Host(Local())
    wallet, authority = wallet_of(chosen, DEFAULTS, STRANGERS, None)
    with wallet:
        prober = Network(wallet, {}, authority, chosen.timeout)
        seen = tuple(prove_console(host, prober, chosen.guest))
    return told("console", host, seen, as_json=chosen.json)


def options() -> Parser:
    """The options of the proof of consoles."""
    made = parser(
        "prove console",
        "Try the VNC and SPICE consoles of running guests as strangers of every kind, as a local user without rights "
        "and as our own client. No session is taken over, and who is watching a guest does not notice. "
        "Exit code: 0 all holds, 1 something does not, 2 something is unknown, 3 wrong usage.",
    )
    made.add_argument("guest", nargs="*", metavar="GUEST", help="only these guests (default: all that run)")
    add_shown(made, DEFAULTS, STRANGERS)
    return made
