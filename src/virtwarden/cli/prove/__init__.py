"""`virt-warden prove`: finds out by experiment whether a protection holds. Only the proof that is named is imported."""

from __future__ import annotations

from virtwarden.cli import PASSED, USAGE, UsageError

PROOFS = {
    "audit": "each audit rule is fired once, a throw-away guest is started, and their records are looked for",
    "remote": "strangers of every kind try libvirt's TLS, TCP and UNIX sockets, and so does our own client",
    "console": "the same at the VNC and SPICE consoles of running guests; nobody who is watching notices",
}


def run(words: list[str]) -> int:
    """Run the proof that is named; the exit code says how it came out."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return PASSED if words else USAGE
    if words[0] not in PROOFS:
        raise UsageError(f"there is no proof {words[0]}; virt-warden prove --help lists them")
    from importlib import import_module  # noqa: PLC0415

    return int(import_module(f"virtwarden.cli.prove.{words[0]}").run(words[1:]))


def _help() -> str:
    proofs = "\n".join(f"  {name:<7} {what}" for name, what in PROOFS.items())
    return f"""usage: virt-warden prove PROOF [OPTIONS]

Finds out by experiment whether a protection holds. What is done is harmless and undone.

proofs:
{proofs}

virt-warden prove PROOF --help tells of a proof's options."""
