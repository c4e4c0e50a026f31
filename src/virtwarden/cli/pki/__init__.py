"""`virt-warden pki`: the certificates that remote management needs. Only the command that is asked for is imported."""

from __future__ import annotations

from virtwarden.cli.group import hand_over, listed

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
    return hand_over("pki", COMMANDS, words, _page())


def _page() -> str:
    return f"""usage: virt-warden pki COMMAND [OPTIONS]

Certificates for libvirt, QEMU and their clients, from an authority of your own to the file in its place.

commands:
{listed(COMMANDS)}

virt-warden pki COMMAND --help tells of a command's options."""
