"""`virt-warden pki init`: an authority of one's own."""

from __future__ import annotations

import os
import secrets
import socket
import sys
from datetime import UTC, datetime

from virtwarden.cli import PASSED, UsageError
from virtwarden.cli.parsing import Parser, parser
from virtwarden.cli.pki.authorities import add_days, path
from virtwarden.cli.secret import add_secret, secret

HOST_MARKS = ("/usr/sbin/libvirtd", "/usr/sbin/virtqemud", "/etc/libvirt/qemu.conf", "/etc/libvirt/qemu")
"""What a machine has that runs guests; libvirt's clients have an /etc/libvirt too, with libvirt.conf alone."""


def run(words: list[str]) -> int:
    """Make the authority."""
    chosen = options().parse_args(words)
    mark = next((each for each in HOST_MARKS if os.path.lexists(each)), None)
    if mark and not chosen.here:
        raise UsageError(
            f"this machine runs guests ({mark} is there), and whoever breaks out of one would have the authority's "
            "key; make it on another machine, or give --here"
        )
    from virtwarden.formats.dername import spelled  # noqa: PLC0415
    from virtwarden.pki import authority, names  # noqa: PLC0415
    from virtwarden.pki.keys import require_passphrase  # noqa: PLC0415

    folder = path(chosen.folder)
    authority.require_empty(folder)
    name = names.authority_name(chosen.name or _name())
    prompt = "passphrase of the new authority"
    passphrase = secret(chosen, "passphrase", prompt, twice=True, fit=require_passphrase)
    made = authority.create(folder, name, chosen.key, chosen.days, passphrase)
    if mark:
        print("virt-warden: the authority's key lies on a machine that runs guests; move it away", file=sys.stderr)
    print(f"the authority {spelled(name.public_bytes())} is in {folder}, valid until {made.valid.end:%F}")
    print("keep a copy of the folder, and the passphrase apart from it; neither belongs on a host of guests")
    print("a host lets in whom you name: the subject that issue prints belongs into allowed_dns of its policy")
    return PASSED


def options() -> Parser:
    """The options of this command."""
    made = parser("pki init", "Make an authority of your own: a folder with its key under a passphrase.")
    made.add_argument(
        "folder", metavar="FOLDER", help="the folder to make; best on a disk that is not always there"
    )
    made.add_argument(
        "--name", metavar="ORG/CN", help="organisation and name (default: virt-warden, host and date)"
    )
    made.add_argument(
        "--key", choices=("p384", "rsa3072", "rsa4096"), default="p384", help="kind of key (default: p384)"
    )
    add_days(made, 3650, "days until it ends")
    made.add_argument("--here", action="store_true", help="make it though this machine runs guests")
    add_secret(made, "passphrase", "the new passphrase")
    return made


def _name() -> str:
    host = socket.gethostname()[:24]
    return f"virt-warden/authority of {host or 'localhost'} {datetime.now(UTC):%F} {secrets.token_hex(3)}"
