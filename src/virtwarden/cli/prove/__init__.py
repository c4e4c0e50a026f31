"""`virt-warden prove`: finds out by experiment whether a protection holds. Only the proof that is named is imported."""

from __future__ import annotations

from virtwarden.cli.group import hand_over, listed

PROOFS = {
    "audit": "each audit rule is fired once, a throw-away guest is started, and their records are looked for",
    "remote": "strangers of every kind try libvirt's TLS, TCP and UNIX sockets, and so does our own client",
    "console": "the same at the VNC and SPICE consoles of running guests; nobody who is watching notices",
}


def run(words: list[str]) -> int:
    """Run the proof that is named; the exit code says how it came out."""
    return hand_over("prove", PROOFS, words, _page())


def _page() -> str:
    return f"""usage: virt-warden prove PROOF [OPTIONS]

Finds out by experiment whether a protection holds. What is done is harmless and undone.

proofs:
{listed(PROOFS)}

virt-warden prove PROOF --help tells of a proof's options."""
