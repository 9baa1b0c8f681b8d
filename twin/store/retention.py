"""Export by month, and setting aside what is old: export, verify, then delete."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import ColumnElement, Connection, Engine, bindparam, func, select

from twin.errors import Fault, InputError, Locked
from twin.store.engine import reading, writing
from twin.store.keys import instant, microseconds
from twin.store.parquet import Content, content_of, write_events
from twin.store.schema import DELETING_BEFORE, EVENT, KEPT_FROM, SEEN
from twin.store.writing import fact, set_fact

_AT_ONCE = 20_000
"""Events deleted in one transaction, so that sources wait a moment and not minutes."""
_ROUNDS = 3


@dataclass(frozen=True)
class Exported:
    """What an export wrote."""

    files: tuple[Path, ...]
    events: int


@dataclass(frozen=True)
class Retained:
    """What was set aside."""

    kept_from: datetime
    """The line: older events are refused from now on."""
    exported: Exported
    deleted: int
    """Events deleted, with those that an interrupted run had exported but not deleted."""


def export(
    connection: Connection, folder: Path, start: datetime | None, end: datetime | None
) -> Exported:
    """Write a file for each month (UTC) of a window, and read each back.

    ``events-2026-03.parquet`` holds a whole month; the names of others say from when to when.
    """
    files, events = [], 0
    for since, until in _months(connection, start, end):
        path = folder / _name(since, until)
        meant = _content(connection, since, until)
        rows = (
            select(*EVENT.c)
            .where(_is_between(since, until))
            .order_by(EVENT.c.time, EVENT.c.sequence)
        )
        if not write_events(connection, rows, path).events:
            continue
        if content_of(path) != meant:
            fault = Fault("", "does not hold what the store holds", "check the disk, and again")
            raise InputError(str(path), [fault])
        files.append(path)
        events += meant.events
    return Exported(tuple(files), events)


def retain(engine: Engine, before: datetime, folder: Path, now: datetime) -> Retained:
    """Export events before an instant, verify the files, then delete the events.

    From the moment the files are verified, older events are refused. A run that was killed while it
    deleted is finished by the next one.
    """
    if before > now:
        found = f"{before.isoformat()} is in the future; all events would be deleted"
        raise InputError("before", [Fault("", found, "give an instant that is past")])
    deleted = _delete(engine)
    for _ in range(_ROUNDS):
        exported = _exported(engine, before, folder)
        if _draw_line(engine, before, exported.events):
            return Retained(_line(engine), exported, deleted + _delete(engine))
    raise Locked(f"{folder}: older events keep arriving while they are exported; try again later")


def _exported(engine: Engine, before: datetime, folder: Path) -> Exported:
    with reading(engine) as connection:
        if fact(connection, DELETING_BEFORE) is not None:
            raise Locked(f"{folder}: another retention is at work; wait until it is done")
        return export(connection, folder, None, before)


def _draw_line(engine: Engine, before: datetime, exported: int) -> bool:
    """Refuse older events from now on; False when some came after the export."""
    line = microseconds(before)
    with writing(engine) as connection:
        older = select(func.count()).select_from(EVENT).where(EVENT.c.time < line)
        if connection.scalar(older) != exported:
            return False
        set_fact(connection, KEPT_FROM, max(line, fact(connection, KEPT_FROM) or 0))
        set_fact(connection, DELETING_BEFORE, line)
        return True


def _line(engine: Engine) -> datetime:
    with reading(engine) as connection:
        return instant(fact(connection, KEPT_FROM) or 0)


def _delete(engine: Engine) -> int:
    """Delete what an export holds; returns how many events."""
    deleted = 0
    while True:
        with writing(engine) as connection:
            line = fact(connection, DELETING_BEFORE)
            if line is None:
                return deleted
            done = _delete_some(connection, line)
            deleted += done
            if not done:
                set_fact(connection, DELETING_BEFORE, None)


def _delete_some(connection: Connection, line: int) -> int:
    older = select(EVENT.c.time).where(EVENT.c.time < line).order_by(EVENT.c.time)
    edge = connection.scalar(older.offset(_AT_ONCE).limit(1))
    is_meant = EVENT.c.time < line if edge is None else EVENT.c.time <= edge
    kinds = (EVENT.c.work_unit, EVENT.c.event)
    counted = connection.execute(
        select(*kinds, func.count().label("gone")).where(is_meant).group_by(*kinds)
    ).fetchall()
    if not counted:
        return 0
    connection.execute(EVENT.delete().where(is_meant))
    fewer = (
        SEEN.update()
        .where(SEEN.c.work_unit == bindparam("unit"), SEEN.c.event == bindparam("kind"))
        .values(events=SEEN.c.events - bindparam("gone"))
    )
    connection.execute(
        fewer, [{"unit": row.work_unit, "kind": row.event, "gone": row.gone} for row in counted]
    )
    connection.execute(SEEN.delete().where(SEEN.c.events <= 0))
    return sum(row.gone for row in counted)


def _months(
    connection: Connection, start: datetime | None, end: datetime | None
) -> Iterator[tuple[datetime, datetime]]:
    """The months (UTC) in which there are events, cut at the ends of the window."""
    if start is not None and end is not None and end <= start:
        fault = Fault("", f"{end.isoformat()} is not after {start.isoformat()}", "swap them")
        raise InputError("window", [fault])
    times = connection.execute(select(func.min(EVENT.c.time), func.max(EVENT.c.time))).one()
    if times[0] is None:
        return
    first, last = instant(times[0]), instant(times[1])
    since = _month(first)
    while since <= last:
        until = _month(since, 1)
        lower = max(since, start.astimezone(UTC)) if start else since
        upper = min(until, end.astimezone(UTC)) if end else until
        if lower < upper:
            yield lower, upper
        since = until


def _month(instant: datetime, later: int = 0) -> datetime:
    months = instant.year * 12 + instant.month - 1 + later
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _name(since: datetime, until: datetime) -> str:
    if since == _month(since) and until == _month(since, 1):
        return f"events-{since:%Y-%m}.parquet"
    return f"events-{_instant_name(since)}-to-{_instant_name(until)}.parquet"


def _instant_name(instant: datetime) -> str:
    if instant == instant.replace(hour=0, minute=0, second=0, microsecond=0):
        return f"{instant:%Y-%m-%d}"
    return f"{instant:%Y-%m-%dT%H%M%S}.{instant.microsecond:06d}"


def _is_between(since: datetime, until: datetime) -> ColumnElement[bool]:
    return (EVENT.c.time >= microseconds(since)) & (EVENT.c.time < microseconds(until))


def _content(connection: Connection, since: datetime, until: datetime) -> Content:
    counted = select(func.count(), func.sum(EVENT.c.sequence)).where(_is_between(since, until))
    events, total = connection.execute(counted).one()
    return Content(int(events), int(total or 0))
