"""Where journals are kept. Every command looks there, so this imports next to nothing."""

from __future__ import annotations

import os

SYSTEM = "/var/lib/virt-warden"
"""Where root's are."""


def default_folder() -> str:
    """The system's place for root, the user's own for anybody else."""
    if os.geteuid() == 0:
        return SYSTEM
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return f"{home}/virt-warden"
