"""Where answers about one machine come from: the machine itself, or what was kept of it."""

from __future__ import annotations

from virtwarden.complaint import Complaint


class SourceError(Complaint):
    """A source that cannot be used at all: no log-in, no such archive, a damaged recording.

    The message is one sentence for the person who named the source.
    """
