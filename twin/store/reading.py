"""Asking the store: windows of time, what arrived since, what was said last, how it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Select, bindparam, func, select, text

from twin.model.events import COLUMNS, NUMBERS, TEXT, EventLog
from twin.store.keys import instant, microseconds
from twin.store.migrations import version_of
from twin.store.schema import EVENT, KEPT_FROM, LAST_SEQUENCE, POSITION, QUARANTINE, SEEN, WAITING
from twin.store.settings import POSTGRESQL
from twin.store.unit_days import IS_STATE, Days, UnitDays, count, stays
from twin.store.writing import fact

CHUNK = 50_000
"""Rows fetched at once."""
_LOGGED = ("sequence", *COLUMNS)


@dataclass(frozen=True)
class StoreStatus:
    """What is in the store."""

    url: str
    """Without password."""
    version: int
    events: int
    first: datetime | None
    last: datetime | None
    """Times of the oldest and the newest event."""
    last_sequence: int
    bytes: int
    """On the disk, with indices and, in SQLite, the write-ahead log."""
    kept_from: datetime | None
    """Events before it were exported and deleted."""
    held: Mapping[str, int]
    """Messages waiting in quarantine, by source."""
    positions: Mapping[str, dict[str, Any]]
    """Where each source got to."""
    position_changed: Mapping[str, datetime]


def window(start: datetime | None, end: datetime | None) -> Select[Any]:
    """The rows with ``start`` ≤ time < ``end``, ordered by time, then by arrival.

    Not by arrival alone: sources have delays of their own, which would look like wrong clocks.
    """
    query = select(*(EVENT.c[name] for name in _LOGGED))
    if start is not None:
        query = query.where(EVENT.c.time >= microseconds(start))
    if end is not None:
        query = query.where(EVENT.c.time < microseconds(end))
    return query.order_by(EVENT.c.time, EVENT.c.sequence)


def arrived(after: int, limit: int) -> Select[Any]:
    """At most ``limit`` rows that were stored after a sequence number, in that order."""
    query = select(*(EVENT.c[name] for name in _LOGGED)).where(EVENT.c.sequence > after)
    return query.order_by(EVENT.c.sequence).limit(limit)


def chunks(connection: Connection, query: Select[Any], rows: int = CHUNK) -> Iterator[list[Any]]:
    """The rows of a query without holding all of them."""
    with connection.execution_options(yield_per=rows).execute(query) as found:
        for part in found.partitions():
            yield list(part)


def log_of(parts: Iterator[list[Any]] | Sequence[list[Any]], source: str) -> EventLog:
    """An event log, with the column ``sequence`` beside its own."""
    frames = [_frame(part) for part in parts if part]
    table = pd.concat(frames, ignore_index=True) if frames else _frame([])
    return EventLog(table, source)


def _frame(rows: list[Any]) -> pd.DataFrame:
    columns = dict(zip(_LOGGED, zip(*rows, strict=True) if rows else ([],) * 14, strict=True))
    time = np.array(columns["time"], dtype="int64").view("datetime64[us]")
    made: dict[str, Any] = {"time": pd.DatetimeIndex(time).tz_localize("UTC")}
    for name in COLUMNS[1:]:
        dtype = str if name in TEXT else float
        values = np.array(columns[name], dtype=float) if name in NUMBERS else list(columns[name])
        made[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame({**made, "sequence": np.array(columns["sequence"], dtype="int64")})


def last_events(connection: Connection) -> pd.DataFrame:
    """Columns work_unit, event, last (UTC) and events, a row for each unit and kind."""
    query = select(*SEEN.c).order_by(SEEN.c.work_unit, SEEN.c.event)
    names = [column.name for column in SEEN.c]
    table = pd.DataFrame(connection.execute(query).fetchall(), columns=names)
    whole = table["last"].to_numpy(dtype="int64")
    table["last"] = pd.DatetimeIndex(whole.view("datetime64[us]")).tz_localize("UTC")
    return table.astype({"work_unit": str, "event": str, "events": "int64"})


def position(connection: Connection, source: str) -> dict[str, Any] | None:
    found = connection.scalar(select(POSITION.c.value).where(POSITION.c.source == source))
    return None if found is None else dict(json.loads(found))


def status(connection: Connection, url: str, file: Path | None) -> StoreStatus:
    """Counts and places; quick on any size, for the counts are kept."""
    events = connection.scalar(select(func.sum(SEEN.c.events)))
    first = connection.scalar(select(func.min(EVENT.c.time)))
    last = connection.scalar(select(func.max(SEEN.c.last)))
    waiting = (
        select(QUARANTINE.c.source, func.count())
        .where(QUARANTINE.c.status == WAITING)
        .group_by(QUARANTINE.c.source)
    )
    places = connection.execute(select(*POSITION.c).order_by(POSITION.c.source)).fetchall()
    kept_from = fact(connection, KEPT_FROM)
    return StoreStatus(
        url=url,
        version=version_of(connection),
        events=int(events or 0),
        first=None if first is None else instant(first),
        last=None if last is None else instant(last),
        last_sequence=fact(connection, LAST_SEQUENCE) or 0,
        bytes=_bytes(connection, file),
        kept_from=None if kept_from is None else instant(kept_from),
        held={source: int(count) for source, count in connection.execute(waiting)},
        positions={row.source: json.loads(row.value) for row in places},
        position_changed={row.source: instant(row.changed) for row in places},
    )


def _bytes(connection: Connection, file: Path | None) -> int:
    if connection.dialect.name == POSTGRESQL:
        size = text(
            "select sum(pg_total_relation_size(c.oid)) from pg_class c "
            "where c.relname like 'noria\\_%' and c.relkind = 'r' "
            "and pg_table_is_visible(c.oid)"
        )
        return int(connection.scalar(size) or 0)
    assert file is not None
    parts = (file, file.with_name(file.name + "-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def unit_days(connection: Connection, days: Days) -> UnitDays:
    """Minutes in each state and pieces made, of every work unit and local day."""
    return count(connection.execute, EVENT, days, list(_carried(connection, days)))


def long_stays(
    connection: Connection, days: Days, states: Sequence[str]
) -> list[tuple[str, str, int, int]]:
    """Work unit, state, from and until [µs] of every time a unit was in one of these states."""
    stay = stays(EVENT, days).subquery("stay")
    found = connection.execute(select(*stay.c).where(stay.c.state.in_(states)))
    carried = _carried(connection, days)
    return [
        *((unit, state, days.start, until) for unit, state, until in carried if state in states),
        *((row.work_unit, row.state, row.time, row.until) for row in found),
    ]


def _carried(connection: Connection, days: Days) -> Iterator[tuple[str, str, int]]:
    """The state in which each unit comes into a window, and until when it lasts there."""
    units = select(SEEN.c.work_unit).where(SEEN.c.event == "state")
    own = (EVENT.c.event == IS_STATE) & (EVENT.c.work_unit == bindparam("unit"))
    earlier = select(EVENT.c.state).where(own, EVENT.c.time < days.start)
    latest = earlier.order_by(EVENT.c.time.desc(), EVENT.c.sequence.desc()).limit(1)
    inside = (EVENT.c.time >= days.start) & (EVENT.c.time < days.end)
    first = select(func.min(EVENT.c.time)).where(own, inside)
    for unit in connection.scalars(units).all():
        state = connection.scalar(latest, {"unit": unit})
        if state is not None:
            until = connection.scalar(first, {"unit": unit})
            yield unit, state, days.end if until is None else int(until)
