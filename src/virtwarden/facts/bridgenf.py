"""Whether bridged frames go through iptables: how the switches for it come up at boot, and who needs them on.

The switches exist only while br_netfilter is loaded, and come up as 1 with it. So a value in sysctl.d holds only
if the module is there before the files are read, or if the files are read again when it comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from virtwarden.facts.kernel import Sysctls
from virtwarden.facts.nics import Nic, Nics
from virtwarden.facts.nwfilters import V4_NODES, V6_NODES, FilterRule, NwFilter, NwFilters
from virtwarden.host import Absent, Host, Source, Unknown, Want, looking, reading
from virtwarden.model import Evidence, State

MODULE = "br_netfilter"
SWITCHES = tuple(f"net.bridge.bridge-nf-call-{name}" for name in ("iptables", "ip6tables", "arptables"))
DROP_IN = "/etc/sysctl.d/99-virt-warden-bridge.conf"
LOAD_FILE = "/etc/modules-load.d/virt-warden-bridge.conf"

_LOADS = (
    "/etc/modules-load.d/*.conf",
    "/run/modules-load.d/*.conf",
    "/usr/lib/modules-load.d/*.conf",
    "/etc/modules",
    "/etc/sysconfig/modules/*.modules",
)
_RULES = ("/etc/udev/rules.d/*.rules", "/usr/lib/udev/rules.d/*bridge*.rules", "/lib/udev/rules.d/*bridge*.rules")
_BARRED = ("/etc/modprobe.d/*.conf",)
_KERNELS = "/boot/vmlinuz-*"
_EITHER = MODULE.replace("_", "[-_]")
_LOAD = re.compile(rf"^\s*(?:modprobe\s+(?:-\S+\s+)*)?{_EITHER}(?![-\w])")
_RULE = re.compile(rf"^\s*[^#]*KERNEL==\"{MODULE}\".*sysctl")
_BAR = re.compile(rf"^\s*(?:install\s+{_EITHER}\s+/(?:usr/)?bin/(?:true|false))\s*$")


@dataclass(frozen=True, slots=True)
class BridgeNetfilter:
    """`early` makes the module load before the sysctls are set, `again` sets them when it loads, `barred` keeps
    it from loading; None where nothing does. `built_in`: an old kernel, whose bridge module has it inside."""

    early: Evidence | None = None
    again: Evidence | None = None
    barred: Evidence | None = None
    built_in: bool = False

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(pattern) for pattern in (*_LOADS, *_RULES, *_BARRED)),
        looking(_KERNELS),
    )

    @property
    def lasting(self) -> Evidence | None:
        """What makes configured values survive the loading of the module."""
        return self.early or self.again

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files that load modules and those that act on their loading."""
        early = next(_lines(host.source, _LOADS, _LOAD), None)
        again = next(_lines(host.source, _RULES, _RULE), None)
        barred = next(_lines(host.source, _BARRED, _BAR), None)
        return cls(early, again, barred, _built_in(host))


def _lines(source: Source, patterns: tuple[str, ...], wanted: re.Pattern[str]) -> Iterator[Evidence]:
    for pattern in patterns:
        for path in source.glob(pattern):
            try:
                text = source.read(path)
            except Absent:
                continue
            for number, line in enumerate(text.lines, 1):
                if wanted.search(line):
                    yield text.cite(number)


def _built_in(host: Host) -> bool:
    """Kernels before 3.18 have no module of its own for it: the one that runs, else all that are installed."""
    try:
        releases = [host.get(Sysctls).effective("kernel.osrelease").value]
    except (Absent, Unknown):
        releases = _installed(host.source)
    versions = [re.match(r"([0-9]{1,9})\.([0-9]{1,9})", release) for release in releases]
    return bool(versions) and all(v is not None and (int(v[1]), int(v[2])) < (3, 18) for v in versions)


def _installed(source: Source) -> list[str]:
    try:
        return [path.partition("vmlinuz-")[2] for path in source.glob(_KERNELS)]
    except Unknown:
        return []


@dataclass(frozen=True, slots=True)
class DeepRule:
    """A filter rule that iptables has to enforce, on the interface that uses it; `switch` must be 1 for it."""

    nic: Nic
    filter: NwFilter
    rule: FilterRule
    switch: str


@dataclass(frozen=True, slots=True)
class DeepRules:
    """The first such rule of each interface and address family; `unresolved` are interfaces whose filters could
    not be followed, with the reason."""

    rules: tuple[DeepRule, ...] = ()
    unresolved: tuple[tuple[Nic, str], ...] = ()

    wants: ClassVar[tuple[Want, ...]] = ()

    def of(self, state: State) -> tuple[DeepRule, ...]:
        """The rules in use in one state."""
        return tuple(rule for rule in self.rules if rule.nic.state is state)

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Follow the filter of every interface. Where nftables realises filters, no rule needs iptables."""
        filters, nics = host.get(NwFilters), host.get(Nics)
        rules: list[DeepRule] = []
        unresolved: list[tuple[Nic, str]] = []
        for nic in nics.nics:
            if nic.interface.filter is None or filters.backend == "nftables":
                continue
            try:
                tree = filters.tree(nic.interface.filter)
            except Unknown as refused:
                unresolved.append((nic, str(refused)))
                continue
            for kinds, switch in ((V4_NODES, SWITCHES[0]), (V6_NODES, SWITCHES[1])):
                found = None if tree is None else tree.looking_at(kinds)
                if found is not None:
                    rules.append(DeepRule(nic, *found, switch))
        return cls(tuple(rules), tuple(unresolved))
