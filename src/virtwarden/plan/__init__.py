"""From failing findings to one plan: which documents change, in which order, and what that means for the host.

Nothing is changed here. A finding is mended whole or not at all: where one change of its fix cannot be made, the
others are not made either, and the plan says what a person has to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import msgspec

from virtwarden import __version__
from virtwarden.activations import Daemons, activations_of, takes_effect, without_needless
from virtwarden.facts.guests import Guests
from virtwarden.facts.libvirt import Libvirt
from virtwarden.facts.policy import Policy
from virtwarden.host import Absent, Host, Source, Unknown
from virtwarden.livechanges import live_edits
from virtwarden.model import (
    HOST,
    Change,
    Disturbance,
    Expectation,
    Finding,
    Plan,
    Report,
    Result,
    Rewrite,
    Safety,
    State,
)
from virtwarden.places import order_of, path_of
from virtwarden.plan.rewriting import checksum, digest_of, rewrites_of, text_after, text_at
from virtwarden.plan.wishes import BY_HAND, Draft, Wish, wished
from virtwarden.splice import CannotApply

__all__ = ["BY_HAND", "checksum", "digest_of", "make", "of_changes", "text_after", "text_at"]


def make(
    host: Host,
    source: Source,
    report: Report,
    root: str = "/",
    *,
    narrowed: Report | None = None,
    safest: Safety = Safety.DISRUPTIVE,
) -> Plan:
    """The plan that mends what a report says of this host. `source` gives its texts as they are, secrets included;
    none of them is in the plan. `narrowed` is the part of the report that is to be mended, where not all of it is;
    changes beyond `safest` are left to a person."""
    draft = wished(source, narrowed or report, safest, runs=root == "/")
    rewrites = sorted(rewrites_of(draft), key=lambda rewrite: order_of(rewrite.document, rewrite.path))
    return Plan(
        host=report.host,
        root=root,
        made_at=report.taken_at,
        version=__version__,
        profile=report.profile,
        policy=msgspec.to_builtins(host.get(Policy)),
        rewrites=tuple(_activated(host, rewrites) if root == "/" else rewrites),
        unfixed=tuple(draft.unfixed),
        blast=tuple(_blast(host, rewrites)),
        expected=tuple(_expected(report, draft.wishes, root)),
    )


def of_changes(
    host: Host, source: Source, name: str, changes: Sequence[Change], *, for_: str, root: str = "/"
) -> Plan:
    """The plan of changes that somebody asks for without a finding; `name` is the host's, `for_` says what asks. Raises
    `CannotApply` where one of them cannot be made."""
    asked = Finding(HOST, Result.FAIL, for_, tuple(changes))
    draft = Draft(source, [Wish(for_, asked, tuple(changes))])
    rewrites = sorted(rewrites_of(draft), key=lambda rewrite: order_of(rewrite.document, rewrite.path))
    if draft.unfixed:
        raise CannotApply(draft.unfixed[0].why)
    return Plan(
        host=name,
        root=root,
        made_at=source.taken_at,
        version=__version__,
        profile=host.get(Policy).profile,
        policy=msgspec.to_builtins(host.get(Policy)),
        rewrites=tuple(_activated(host, rewrites) if root == "/" else rewrites),
    )


def _activated(host: Host, rewrites: Iterable[Rewrite]) -> Iterator[Rewrite]:
    """The rewrites with what makes the running system take each of them."""
    daemons = _daemons(host)
    wanted = [(each, tuple(activations_of(each.document, each.path, each.edits, daemons))) for each in rewrites]
    needed = without_needless([activation for _, activations in wanted for activation in activations])
    for each, activations in wanted:
        yield replace(each, activations=tuple(activation for activation in activations if activation in needed))


def _daemons(host: Host) -> Daemons:
    try:
        libvirt = host.get(Libvirt)
    except (Absent, Unknown):
        return Daemons()
    network = "virtnetworkd" if libvirt.modular else "libvirtd"
    return Daemons(libvirt.qemu_daemon, libvirt.remote_daemon, network)


def _blast(host: Host, rewrites: Sequence[Rewrite]) -> Iterator[Disturbance]:
    """What running guests notice, or have to do for a change to reach them."""
    try:
        running = {guest.name for guest in host.get(Guests).guests if guest.in_force is not None}
    except (Absent, Unknown):
        return
    changed = {r.document.name for r in rewrites if r.document.kind == "domain"}
    if any(r.path.endswith("/libvirt/qemu.conf") for r in rewrites):
        changed = running
    live = {r.document.name for r in rewrites if r.document.kind == "domain" and live_edits(r.edits)}
    for name in sorted(running & changed):
        yield Disturbance(name, _IN_PART if name in live else _LATER)


_LATER = "the change takes effect at the next start"
_IN_PART = "network filters and console passwords change at once, the rest at the next start"


def _expected(report: Report, wishes: Iterable[Wish], root: str) -> Iterator[Expectation]:
    partly = {outcome.control for outcome in report.outcomes if outcome.cut_short() is not None}
    for wish in wishes:
        control, finding = wish.control, wish.finding
        yield Expectation(control, finding.subject, finding.state, _when(wish, root), control in partly)


def _when(wish: Wish, root: str) -> str:
    """What has to happen before the finding passes, besides what applying the plan does."""
    if root != "/" and any(c.document.name.startswith("/etc/default/grub") for c in wish.changes):
        return "the boot menu is made anew"
    if wish.finding.state is not State.IN_FORCE:
        return ""
    later = (takes_effect(change.document, path_of(change.document)) for change in wish.finding.fix)
    return next((when for when in later if when), "")
