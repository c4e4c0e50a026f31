"""Guests with consoles for tests, with their processes where they run."""

from __future__ import annotations

from tests.kit import NOW
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.host import Text

TLS_CREDS = '{"qom-type":"tls-creds-x509","id":"vnc-tls-creds0","dir":"/etc/pki/libvirt-vnc","endpoint":"server"'


def process(*argv: str, name: str = "web") -> GuestProcesses:
    """The process of one running guest with these arguments; without any, one whose arguments are refused."""
    cmdline = Text("/proc/4321/cmdline", "\0".join(("/usr/bin/qemu-system-x86_64", *argv)) + "\0", NOW)
    texts = {"cmdline": cmdline} if argv else {}
    return GuestProcesses({name: GuestProcess(name, 4321, texts, {}, {"cmdline": "permission denied"})})
