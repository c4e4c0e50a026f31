"""PEM bundles cut into their blocks, without a look into them: which kinds of block a file holds, and where.

Explanatory text around the blocks is allowed and passed over. Grammar: RFC 7468.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from virtwarden.formats import Malformed

_BEGIN = re.compile(r"-----BEGIN ([^\r\n-](?:[^\r\n]*[^\r\n-])?)-----[ \t\r]*\Z")
_END = re.compile(r"-----END ([^\r\n-](?:[^\r\n]*[^\r\n-])?)-----[ \t\r]*\Z")


@dataclass(frozen=True, slots=True)
class Block:
    """One block, its boundary lines included; `label` is CERTIFICATE, PRIVATE KEY, X509 CRL …"""

    label: str
    text: str
    line: int

    @property
    def is_private_key(self) -> bool:
        """Whether it holds a private key, of whatever form."""
        return self.label.endswith("PRIVATE KEY")

    @property
    def is_certificate(self) -> bool:
        """Whether it holds a certificate; two old labels mean the same."""
        return self.label in ("CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE")


def parse(text: str) -> tuple[Block, ...]:
    """All blocks in order. Raises `Malformed` for a block that does not end, or ends as another kind."""
    return tuple(_blocks(text))


def _blocks(text: str) -> Iterator[Block]:
    label, start = "", 0
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        begin = _BEGIN.match(line)
        if begin is not None:
            if start:
                raise Malformed(f"a new block begins before {label} has ended", number)
            label, start = begin[1], number
            continue
        end = _END.match(line)
        if end is None:
            continue
        if not start or end[1] != label:
            raise Malformed(f"the end of {end[1]} without its beginning", number)
        yield Block(label, "\n".join(lines[start - 1 : number]) + "\n", start)
        start = 0
    if start:
        raise Malformed(f"{label} does not end", start)
