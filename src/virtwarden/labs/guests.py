"""A guest to be thrown away: no disk, 1 MiB, a network card that leads nowhere, and a processor that never runs."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from virtwarden.formats import Malformed, xmltext
from virtwarden.lab import PREFIX, Impossible, ThrowAway
from virtwarden.sources.process import environment

_MEMORY = 1024
_PATIENCE = 120.0
_OURS = re.compile(re.escape(PREFIX) + r"[0-9a-f]{16}")
_DOMAIN = """\
<domain type='{type}'>
  <name>{name}</name>
  <uuid>{uuid}</uuid>
  <memory unit='KiB'>{memory}</memory>
  <os><type>hvm</type></os>
  <devices>
    <interface type='ethernet'><mac address='{mac}'/></interface>
    <memballoon model='none'/>
  </devices>
</domain>
"""


@contextmanager
def thrown_away(connect: str) -> Iterator[ThrowAway]:
    """Start the guest by the libvirt at this address, paused and transient; destroy it in the end.

    Raises `Impossible` where it does not start.
    """
    name, own = f"{PREFIX}{secrets.token_hex(8)}", str(uuid.uuid4())
    mac = "02:" + ":".join(f"{byte:02x}" for byte in secrets.token_bytes(5))
    kind = "kvm" if _has_kvm(connect) else "qemu"
    definition = _DOMAIN.format(type=kind, name=name, uuid=own, memory=_MEMORY, mac=mac)
    try:
        _virsh(connect, "create", "--paused", "/dev/stdin", given=definition)
        models = _models(_virsh(connect, "dumpxml", own))
        yield ThrowAway(name, own, models, mac, _MEMORY)
    finally:
        _destroy(connect, own)


def sweep(connect: str) -> tuple[str, ...]:
    """Destroy the guests of runs that were killed; their names. Raises `Impossible`."""
    names = [name for name in _virsh(connect, "list", "--all", "--name").split() if _OURS.fullmatch(name)]
    for name in names:
        _destroy(connect, name)
    return tuple(names)


def _destroy(connect: str, guest: str) -> None:
    try:
        _virsh(connect, "destroy", guest)
    except Impossible:
        if guest in _virsh(connect, "list", "--all", "--name", "--uuid").split():
            raise


def _has_kvm(connect: str) -> bool:
    root = _tree(_virsh(connect, "capabilities"))
    host = root.findtext("host/cpu/arch")
    return any(
        arch.get("name") == host and arch.find("domain[@type='kvm']") is not None
        for arch in root.iterfind("guest/arch")
    )


def _models(text: str) -> tuple[str, ...]:
    labels = _tree(text).iterfind("seclabel")
    return tuple(label.get("model", "") for label in labels if label.findtext("label"))


def _tree(text: str) -> xmltext.Element:
    try:
        return xmltext.parse(text)
    except Malformed as wrong:
        raise Impossible(f"libvirt's answer cannot be read: {wrong}") from None


def _virsh(connect: str, *words: str, given: str = "") -> str:
    argv = ("virsh", "-q", "-c", connect, *words)
    try:
        done = subprocess.run(
            argv,
            input=given,
            capture_output=True,
            text=True,
            errors="surrogateescape",
            env=environment(os.environ),
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise Impossible("virsh is not installed") from None
    except (OSError, subprocess.TimeoutExpired) as wrong:
        raise Impossible(f"virsh {words[0]}: {wrong}") from None
    if done.returncode != 0:
        said = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
        raise Impossible(f"virsh {words[0]}: {said}")
    return done.stdout
