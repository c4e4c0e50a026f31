"""`virt-warden pki`: the certificates that remote management needs. Only the command that is asked for is imported."""

from __future__ import annotations

from virtwarden.cli import PASSED, USAGE, UsageError

COMMANDS = {
    "init": "make an authority of your own, its key under a passphrase",
    "issue": "a certificate and key for a server or a client",
    "request": "make a key on the host that keeps it, and a request to sign",
    "sign": "sign such a request: the key never travels",
    "list": "what an authority has issued",
    "revoke": "take a certificate back",
    "crl": "the list of what was taken back",
    "renew": "issue anew what ends soon",
    "bundle": "all that a client needs, in one folder",
    "install": "put certificates where libvirt, QEMU and their clients read them",
    "rotate": "replace installed certificates while guests run",
    "status": "what expires when, and what each port really serves",
    "verify": "what is wrong with certificates, keys and their places",
    "dn": "a certificate's subject as libvirt compares it",
    "match": "whether a pattern of the list of clients lets a certificate in",
}


def run(words: list[str]) -> int:
    """Hand over to the command that is named."""
    if not words or words[0] in ("-h", "--help", "help"):
        print(_help())
        return PASSED if words else USAGE
    name = words[0]
    if name not in COMMANDS:
        raise UsageError(f"there is no command pki {name}; {_nearest(name)}")
    from importlib import import_module  # noqa: PLC0415

    module = "list_" if name == "list" else name
    return int(import_module(f"virtwarden.cli.pki.{module}").run(words[1:]))


def _nearest(name: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only where somebody mistyped

    close = get_close_matches(name, COMMANDS, 1)
    return f"did you mean {close[0]}?" if close else "virt-warden pki --help lists them"


def _help() -> str:
    commands = "\n".join(f"  {name:<8} {what}" for name, what in COMMANDS.items())
    return f"""usage: virt-warden pki COMMAND [OPTIONS]

Certificates for libvirt, QEMU and their clients, from an authority of your own to the file in its place.

commands:
{commands}

virt-warden pki COMMAND --help tells of a command's options."""
