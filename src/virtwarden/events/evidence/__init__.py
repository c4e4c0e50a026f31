"""Evidence: what logs answer, with the raw records behind it, in one file that can be handed to a court or an auditor.

    make(path, logs, Criteria(vm="db01"), Occasion(now, host, key), skipped)
    verify(path, checker, against)

A bundle can be checked without virt-warden as far as its bytes and its signature go (tar, sha256sum, openssl); that the
sessions follow from the records is checked by deriving them once more.
"""

from __future__ import annotations

from virtwarden.events.evidence.answer import Answer, Criteria
from virtwarden.events.evidence.making import NoEvidence, Occasion, make
from virtwarden.events.evidence.manifest import Manifest
from virtwarden.events.evidence.verifying import Held, Verdict, verify

__all__ = ["Answer", "Criteria", "Held", "Manifest", "NoEvidence", "Occasion", "Verdict", "make", "verify"]
