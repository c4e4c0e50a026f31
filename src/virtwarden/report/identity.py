"""When two findings are the same finding, in two reports or twice in one.

A finding is known by its control, its subject, its state and what its message says, numbers left out of
account: ports, process ids, days and counts change from scan to scan, and a certificate that ends in eleven
days is not news after it ended in twelve. What is part of a word stays: addresses, octal modes, dates, device
names. The names of tap devices, which libvirt deals out anew at every start, count as numbers.
"""

from __future__ import annotations

import re
from hashlib import sha256

from virtwarden.model import Finding
from virtwarden.report.visible import visible

Key = tuple[str, str, str, str]

_NUMBER = re.compile(
    r"""
    [0-9] (?! (?<=0)[0-9] )                  # not the first digit of an octal mode; begins with a digit for speed
    (?: (?<! [\w.-]. ) | (?<= \bvnet. ) )    # not inside a word, an address or a date, but in a tap device's name
    [0-9]* (?: ,[0-9]{3} )* (?: \.[0-9]+ )? (?! [.-]?\w )    # and not running on into one
    """,
    re.VERBOSE | re.DOTALL,
)


def shape(message: str) -> str:
    """The message with its numbers left out."""
    return _NUMBER.sub("#", message)


def key(control: str, finding: Finding) -> Key:
    """What a finding is known by. Equal before and after a report was written to disk and read back."""
    return visible(control), visible(str(finding.subject)), finding.state or "", visible(shape(finding.message))


def fingerprint(known_by: Key) -> str:
    """The key as a short digest, stable between versions."""
    return sha256("\0".join(known_by).encode()).hexdigest()[:32]
