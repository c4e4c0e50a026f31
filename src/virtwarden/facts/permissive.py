"""The SELinux types that somebody made permissive.

`semanage permissive -a` leaves a module of the policy for each. The modules lie in the policy's store, whose
place has changed twice. Types that the distribution's own modules make permissive are not told apart from the
rest of their policy.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from virtwarden.facts.selinux import Selinux
from virtwarden.host import Host, Unknown, Want, looking

_STORES = (
    "/var/lib/selinux/*/active/modules",
    "/etc/selinux/*/active/modules",
    "/etc/selinux/*/modules/active/modules",
)
_BELOW = ("*/permissive_*", "*/permissive_*", "permissive_*")
_MODULE = re.compile(r"permissive_(\w+?)(?:\.(?:pp|cil)(?:\.\w+)?)?\Z")


@dataclass(frozen=True, slots=True)
class PermissiveTypes:
    """The types by name, with the path of the module that makes each permissive; `stores` were looked into."""

    types: Mapping[str, str] = field(default_factory=dict)
    stores: tuple[str, ...] = ()

    wants: ClassVar[tuple[Want, ...]] = (
        *(looking(store) for store in _STORES),
        *(looking(f"{store}/{below}") for store, below in zip(_STORES, _BELOW, strict=True)),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Raises `Absent` where there is no SELinux, `Unknown` where the store of its policy was not found."""
        policy = host.get(Selinux).policy
        stores: list[str] = []
        paths: list[str] = []
        for store, below in zip(_STORES, _BELOW, strict=True):
            stores += [path for path in host.source.glob(store) if f"/{policy}/" in path]
            paths += [path for path in host.source.glob(f"{store}/{below}") if f"/{policy}/" in path]
        if not stores:
            raise Unknown(f"which types are permissive: the store of policy {policy} was not found")
        off = {path.rpartition("/")[2] for path in paths if "/disabled/" in path}
        found = ((_MODULE.match(path.rpartition("/")[2]), path) for path in paths if "/disabled/" not in path)
        return cls({m[1]: path for m, path in found if m is not None and m[0] not in off}, tuple(stores))
