"""From a source to its plan: what `plan`, `apply` and `demo` share."""

from __future__ import annotations

from collections.abc import Sequence

from virtwarden.cli.options import require_guest
from virtwarden.control import Control
from virtwarden.facts.policy import Policy
from virtwarden.host import Host, Source
from virtwarden.model import Plan, Safety
from virtwarden.plan import make
from virtwarden.scan import about_guest, scan
from virtwarden.sources.redact import Redacted


def planned(
    source: Source,
    policy: Policy,
    controls: Sequence[Control],
    *,
    root: str = "/",
    guest: str | None = None,
    safest: Safety = Safety.DISRUPTIVE,
) -> Plan:
    """Scan a source and plan what mends it. `source` answers with its secrets; the plan has none."""
    host = Host(Redacted(source), policy)
    report = scan(host, controls)
    if guest:
        require_guest(host, guest)
    narrowed = about_guest(report, guest) if guest else report
    return make(host, source, report, root, narrowed=narrowed, safest=safest)
