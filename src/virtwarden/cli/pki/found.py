"""What `pki verify` judges: files that are named, or those of the whole host."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

from virtwarden.cli import UsageError
from virtwarden.cli.options import policy_of
from virtwarden.controls.remote.pki_certificates_sound import limits_of
from virtwarden.facts.pki import PkiFile
from virtwarden.pki.verify.faults import Fault, Limits
from virtwarden.pki.verify.keysbeside import KeysBeside


@dataclass(frozen=True, slots=True)
class Found:
    """The files to judge, what was seen wrong with their surroundings, and by what they are judged."""

    files: tuple[PkiFile, ...]
    limits: Limits
    faults: tuple[Fault, ...] = ()
    qemu_users: frozenset[str] = frozenset()
    qemu_groups: frozenset[str] = frozenset()
    together: bool = False
    keys: KeysBeside = KeysBeside.EXPECTED


def limits(chosen: argparse.Namespace, version: tuple[int, ...] | None = None) -> Limits:
    """What the site's policy asks for, and the oldest libvirt that is meant. Raises `UsageError`."""
    if chosen.libvirt is not None:
        try:
            version = tuple(int(part) for part in chosen.libvirt.split("."))
        except ValueError:
            raise UsageError(f"{chosen.libvirt} is no version of libvirt, such as 11.6.0") from None
    policy, _ = policy_of(chosen)
    return replace(limits_of(policy.remote), libvirt=version)
