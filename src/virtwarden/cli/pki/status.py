"""`virt-warden pki status`: what ends when, in all places, and what is really served at each port."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from virtwarden.cli import FAILED, PASSED, UNKNOWN, UsageError
from virtwarden.cli.parsing import Parser, parser

if TYPE_CHECKING:
    from virtwarden.cli.pki.standing import Ending, Port

_SIGNS = {True: "✓", False: "✗", None: "?"}


def run(words: list[str]) -> int:
    """Tell: 0 where nothing ends soon and each port serves its file, 1 where not, 2 where something is not known."""
    chosen = options().parse_args(words)
    from virtwarden.cli.options import policy_of  # noqa: PLC0415  # they take long to load
    from virtwarden.cli.pki.standing import endings, ports  # noqa: PLC0415
    from virtwarden.facts.pki import Pki  # noqa: PLC0415
    from virtwarden.host import Absent, Host, Unknown  # noqa: PLC0415
    from virtwarden.sources.local import Local  # noqa: PLC0415
    from virtwarden.sources.redact import Redacted  # noqa: PLC0415

    policy, _ = policy_of(chosen)
    host = Host(Redacted(Local()), policy)
    try:
        pki = host.get(Pki)
    except (Absent, Unknown) as refused:
        raise UsageError(str(refused)) from None
    now = host.source.taken_at
    notice = timedelta(days=chosen.days if chosen.days is not None else policy.remote.notice_days)
    found, served = endings(pki), list(ports(host, pki))
    unread = [f"{file.path}: {file.problem}" for file in pki.files if file.problem] + [e.text for e in pki.refused]
    if chosen.json:
        print(json.dumps(_as_json(found, served, unread), indent=2, ensure_ascii=True))
    else:
        print("\n".join(_lines(found, served, unread, now, notice)))
    return _code(found, served, unread, now + notice)


def _code(found: Sequence[Ending], served: Sequence[Port], unread: Sequence[str], limit: datetime) -> int:
    if any(each.ends is not None and each.ends <= limit for each in found) or any(p.same is False for p in served):
        return FAILED
    return UNKNOWN if unread or any(port.same is None for port in served) else PASSED


def _lines(
    found: Sequence[Ending], served: Sequence[Port], unread: Sequence[str], now: datetime, notice: timedelta
) -> Iterator[str]:
    from virtwarden.report.layout import style_for  # noqa: PLC0415
    from virtwarden.report.visible import visible  # noqa: PLC0415

    width = style_for(sys.stdout).width
    if not found and not unread:
        yield "no certificate lies in the places of libvirt, QEMU and their clients"
    for each in found:
        sign = _SIGNS[each.ends is None or each.ends > now + notice]
        begin, about = (
            f"{sign} {_when(each.ends, now):<28} {visible(each.path)}",
            f"{each.kind} {visible(each.subject)}",
        )
        yield f"{begin}  {about}" if len(begin) + len(about) < width - 1 else f"{begin}\n{' ' * 31}{about}"
    if served:
        yield ""
    for port in served:
        said = f"serves what {port.file} holds, {port.said}" if port.same else port.said
        at = f"{port.who} {port.where}".strip()
        yield f"{_SIGNS[port.same]} {visible(at)}: {visible(said)}"
    yield from (f"? {visible(each)}" for each in unread)


def _when(ends: datetime | None, now: datetime) -> str:
    if ends is None:
        return "without an end"
    days = (ends - now).days
    left = "ended" if ends <= now else f"{days:,} day{'' if days == 1 else 's'} left"
    return f"{ends:%Y-%m-%d}  {left}"


def _as_json(found: Sequence[Ending], served: Sequence[Port], unread: Sequence[str]) -> dict[str, object]:
    from virtwarden.report.visible import without_surrogates  # noqa: PLC0415

    return {
        "ends": [
            {
                "path": without_surrogates(each.path), "kind": each.kind,
                "subject": without_surrogates(each.subject), "ends": each.ends and each.ends.isoformat(),
            }
            for each in found
        ],
        "served": [
            {
                "who": without_surrogates(port.who), "where": port.where, "file": without_surrogates(port.file),
                "same": port.same, "said": without_surrogates(port.said),
            }
            for port in served
        ],
        "unread": [without_surrogates(each) for each in unread],
    }  # fmt: skip


def options() -> Parser:
    """The options of this command."""
    from virtwarden.cli.options import add_policy  # noqa: PLC0415

    made = parser(
        "pki status",
        "What ends when, and what libvirt and the running guests' consoles serve. Exit code: 0 all is well, 1 "
        "something ends soon or another certificate is served than the file holds, 2 something is not known, "
        "3 wrong usage. Migration and NBD have a port only while they go on, and are not asked.",
    )
    made.add_argument("--json", action="store_true", help="as JSON")
    made.add_argument("--days", type=_days, metavar="N", help="soon means in so many days (default: the policy's)")
    add_policy(made)
    return made


def _days(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 36500:
        raise argparse.ArgumentTypeError(f"{text} is no number of days")
    return int(text)
