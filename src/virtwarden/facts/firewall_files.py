"""What the files of the host's firewall let in, and from where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from virtwarden.facts import firewalld, older_firewalls, ufw
from virtwarden.facts.firewalld import Zone
from virtwarden.facts.openings import Opening
from virtwarden.facts.ufw import UfwRule
from virtwarden.facts.units import Units
from virtwarden.formats.packetrules import Ruleset
from virtwarden.host import Absent, Host, Text, Want, looking, reading

SavedRules = tuple[Text, Ruleset, Literal["ip", "ip6"]]


@dataclass(frozen=True, slots=True)
class FirewallFiles:
    """firewalld's zones and policies, ufw's rules, the rules that iptables loads at boot, and SuSEfirewall2's openings;
    None of one that is not enabled."""

    zones: tuple[Zone, ...] | None = None
    ufw_rules: tuple[UfwRule, ...] | None = None
    saved: tuple[SavedRules, ...] = ()
    suse: tuple[Text, tuple[Opening, ...]] | None = None

    wants: ClassVar[tuple[Want, ...]] = (
        *(reading(path) for path in (firewalld.SETTINGS, firewalld.DIRECT, *ufw.FILES, older_firewalls.SUSE)),
        *(reading(path) for _, path, _ in older_firewalls.SAVED),
        *(reading(f"{directory}/zones/*.xml") for directory in (firewalld.SITE, firewalld.PACKAGED)),
        *(reading(f"{firewalld.SITE}/{kind}/*.xml") for kind in ("services", "policies")),
        *(reading(pattern) for pattern in (*firewalld.IFCFG, firewalld.KEYFILES)),
        *(looking(pattern) for pattern in older_firewalls.SUSE_LINKS),
        reading(f"{older_firewalls.SUSE_SERVICES}/*"),
    )

    @classmethod
    def probe(cls, host: Host) -> Self:
        """Read the files of those that are enabled. Raises `Absent` where none is."""
        units, source = host.get(Units), host.source
        zones = tuple(firewalld.read(source)) if units.enabled("firewalld.service") is not None else None
        rules = ufw.read(source)
        saved = older_firewalls.saved(source, units)
        suse = older_firewalls.suse(source, units)
        if zones is None and rules is None and not saved and suse is None:
            raise Absent("no firewall whose files are known here is enabled", units.listed("no firewalld.service"))
        return cls(zones, rules, saved, suse)
