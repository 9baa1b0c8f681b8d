"""Logs of one unit that makes one lot after another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from twin.model.events import EventLog

BEGIN = datetime(2026, 3, 2, tzinfo=UTC)


def log_of(times: list[float]) -> EventLog:
    """One unit, a lot after another."""
    rows, t = [], 0.0
    work = {"work_unit": "U", "order": "O", "operation": "op", "product": "P"}
    for number, length in enumerate(times):
        now = BEGIN + timedelta(minutes=t)
        rows.append({**work, "event": "start", "time": now, "lot": str(number)})
        rows.append({**work, "event": "state", "time": now, "state": "working"})
        t += length
        end = BEGIN + timedelta(minutes=t)
        rows.append({**work, "event": "end", "time": end, "lot": str(number), "quantity": 1})
    return EventLog.of(rows)
