"""The group as which QEMU opens its certificates: what qemu.conf says, else what the distribution built in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.accounts import Accounts
from virtwarden.facts.qemu_conf import QemuConf
from virtwarden.host import Absent, Host, Want

_BUILT_IN = ("libvirt-qemu", "qemu", "kvm")
_ROOT = ("root", "0")


@dataclass(frozen=True, slots=True)
class QemuGroup:
    """Its name; `root` where guests run as root."""

    name: str

    wants: ClassVar[tuple[Want, ...]] = ()

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Ask qemu.conf, then the groups that there are. Raises `Absent` where there is none."""
        conf = host.get(QemuConf)
        if conf.group:
            named = conf.group.lstrip("+")
            return cls("root" if named in _ROOT else named)
        groups = host.get(Accounts).groups
        found = next((name for name in _BUILT_IN if name in groups), None)
        if found is None:
            raise Absent(f"the host has no group of QEMU's ({', '.join(_BUILT_IN)}); name it in {conf.path}")
        return cls(found)
