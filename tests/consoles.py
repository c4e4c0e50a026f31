"""Guests with consoles for tests, with their processes where they run."""

from __future__ import annotations

import re

from tests.kit import NOW
from virtwarden.facts.domain import Definition, Guest
from virtwarden.facts.processes import GuestProcess, GuestProcesses
from virtwarden.formats import xmltext
from virtwarden.host import Text
from virtwarden.model import Change, Document, State
from virtwarden.splice import apply_all

TLS_CREDS = '{"qom-type":"tls-creds-x509","id":"vnc-tls-creds0","dir":"/etc/pki/libvirt-vnc","endpoint":"server"'


def process(*argv: str, name: str = "web") -> GuestProcesses:
    """The process of one running guest with these arguments; without any, one whose arguments are refused."""
    cmdline = Text("/proc/4321/cmdline", "\0".join(("/usr/bin/qemu-system-x86_64", *argv)) + "\0", NOW)
    texts = {"cmdline": cmdline} if argv else {}
    return GuestProcesses({name: GuestProcess(name, 4321, texts, {}, {"cmdline": "permission denied"})})


def mended(xml: str, *fix: Change) -> str:
    """The XML of the guest `web` with what a fix asks of it, made in any order."""
    document = Document("domain", "web")
    edits = [change.edit for change in fix if change.document == document]
    after, backwards = (apply_all(each, xml, document) for each in (edits, edits[::-1]))
    assert after is not None
    assert xmltext.parse(after).find("devices/graphics") is not None
    assert sorted(_words(after)) == sorted(_words(backwards or ""))
    return after


def _words(xml: str) -> list[str]:
    return re.findall(r"""[^\s"'<>/]+""", xml)


def of_xml(xml: str) -> Guest:
    """The guest that this XML defines, on disk."""
    text = Text("/etc/libvirt/qemu/web.xml", xml, NOW)
    return Guest(
        "web", "11111111-2222-3333-4444-555555555555", Definition(xmltext.parse(xml), State.ON_DISK, text)
    )


def credentials(folder: str) -> dict[str, str]:
    """The files of a server of QEMU's in this folder."""
    return {f"{folder}/{name}": "" for name in ("ca-cert.pem", "server-cert.pem", "server-key.pem")}
