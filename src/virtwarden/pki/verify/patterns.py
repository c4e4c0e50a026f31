"""The patterns of `tls_allowed_dn_list`, against the subjects of servers: none of them may let a server's key in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from virtwarden.pki.subjects import matches, remarks
from virtwarden.pki.verify.faults import Fault


def faults(pattern: str, servers: Iterable[str]) -> Iterator[Fault]:
    """What is wrong with one pattern."""
    yield from (Fault("wide-pattern", remark) for remark in remarks(pattern))
    for name in servers:
        if matches(pattern, name):
            yield Fault("server-listed", f"matches the server's own certificate, {name}")
