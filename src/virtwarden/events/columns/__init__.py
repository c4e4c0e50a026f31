"""Records, sessions and events of audit logs as columns: data frames, Parquet, SQL. Needs the extra `columns`; what
does not use it does not import it."""

from __future__ import annotations

from virtwarden.events.columns.frames import events_frame, events_to_parquet, sessions_frame, sessions_to_parquet

__all__ = ["events_frame", "events_to_parquet", "sessions_frame", "sessions_to_parquet"]
