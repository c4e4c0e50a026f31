"""The address at which the host is managed."""

from __future__ import annotations

from virtwarden.facts.links import Links
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Unknown


def management_address(host: Host) -> str | None:
    """The address that the policy names, else the one of the interface that it names, where that has just one."""
    policy = host.get(Policy)
    if policy.remote.listen is not None:
        return policy.remote.listen
    try:
        link = host.get(Links).get(policy.network.management_interface)
    except (Absent, Unknown):
        return None
    found = [] if link is None else [each.ip for each in link.addresses if not each.ip.is_link_local]
    return str(found[0]) if len(found) == 1 else None
