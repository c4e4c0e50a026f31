"""What is known of logs before anything is imported: where auditd writes them, and how packed ones begin."""

from __future__ import annotations

DEFAULT = "/var/log/audit"
GZIP, XZ, ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
