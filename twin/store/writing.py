"""Appending: events, quarantine and position in one transaction that is alone in writing.

Known keys are looked up first, so each event is new, a duplicate or a conflict before anything is
written, and sequence numbers have no gaps. Comparing with the stored row itself costs nothing for
new events and leaves no doubt that a digest of the content would.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from sqlalchemy import (
    Connection,
    String,
    bindparam,
    case,
    func,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from twin.store.keys import ROW, Row, differences, event_as_raw, event_of, instant, refusals
from twin.store.record import Appended, Held
from twin.store.schema import (
    EVENT,
    KEPT_FROM,
    LAST_SEQUENCE,
    POSITION,
    QUARANTINE,
    SEEN,
    STORE,
    WAITING,
)
from twin.store.settings import POSTGRESQL

MOST_RAW = 1_000_000
"""Longest message kept in quarantine [characters]."""
MOST_SOURCE = 200
_LOOKUP = 10_000
"""Keys looked up at once."""
_COLUMNS = ("sequence", *ROW, "source", "received")
_TIME, _EVENT, _UNIT = (ROW.index(name) for name in ("time", "event", "work_unit"))
_Rows = list[tuple[Any, ...]]


@dataclass
class Sorted:
    """What a batch is, compared with the store."""

    new: list[Row]
    duplicates: int
    held: list[Held]


def append_rows(
    connection: Connection,
    source: str,
    rows: Sequence[Row],
    now: int,
    position: Mapping[str, Any] | None = None,
    held: Sequence[Held] = (),
) -> Appended:
    """Append in the transaction of ``connection``, which holds the writers' lock.

    ``now`` is the time of arrival [µs].
    """
    batch = sort_out(connection, rows)
    if batch.new:
        last = fact(connection, LAST_SEQUENCE) or 0
        _insert(connection, [(last + n, *row, source, now) for n, row in enumerate(batch.new, 1)])
        set_fact(connection, LAST_SEQUENCE, last + len(batch.new))
        _count(connection, batch.new)
    hold(connection, source, [*held, *batch.held], now)
    if position is not None:
        _store_position(connection, source, position, now)
    return Appended(len(batch.new), batch.duplicates, len(held) + len(batch.held))


def sort_out(connection: Connection, rows: Sequence[Row]) -> Sorted:
    """New events, duplicates, and those that cannot be stored."""
    refused = refusals(rows)
    held = [_held(rows[i], reason) for i, reason in refused.items()]
    fit = [row for i, row in enumerate(rows) if i not in refused] if refused else rows
    known = _known(connection, [row[0] for row in fit])
    kept_from = fact(connection, KEPT_FROM) or 0
    new: list[Row] = []
    duplicates = 0
    for row in fit:
        there = known.get(row[0])
        if there is None and row[_TIME] >= kept_from:
            known[row[0]] = row
            new.append(row)
        elif there is None:
            held.append(_held(row, _too_old(kept_from)))
        elif there == row:
            duplicates += 1
        else:
            held.append(_held(row, _conflict(there, row)))
    return Sorted(new, duplicates, held)


def _held(row: Row, reason: str) -> Held:
    return Held(event_as_raw(event_of(row)), f"key {row[0]}", reason)


def _too_old(kept_from: int) -> str:
    return (
        f"older than {instant(kept_from).isoformat()}, before which events were exported and "
        "deleted; discard it if it is in the export"
    )


def _conflict(there: Row, row: Row) -> str:
    return (
        f"this key is stored with other content ({differences(there, row)}); "
        "find out at the source which is right"
    )


def _known(connection: Connection, keys: Sequence[str]) -> dict[str, Row]:
    """The stored rows that have one of these keys."""
    query = _lookup(connection)
    found: dict[str, Row] = {}
    for first in range(0, len(keys), _LOOKUP):
        part = list(keys[first : first + _LOOKUP])
        asked: Any = part if connection.dialect.name == POSTGRESQL else json.dumps(part)
        found |= {row[0]: tuple(row) for row in connection.execute(query, {"keys": asked})}
    return found


def _lookup(connection: Connection) -> Any:
    columns = [EVENT.c[name] for name in ROW]
    if connection.dialect.name == POSTGRESQL:
        keys = bindparam("keys", type_=ARRAY(String))
        return select(*columns).where(EVENT.c.key == func.any(keys))
    each = func.json_each(bindparam("keys")).table_valued("value")
    return select(*columns).where(EVENT.c.key.in_(select(each.c.value)))


def _insert(connection: Connection, rows: _Rows) -> None:
    """Write new rows: PostgreSQL takes them as a stream, SQLite one prepared statement."""
    names = ", ".join(f'"{name}"' for name in _COLUMNS)
    if connection.dialect.name == POSTGRESQL:
        copy = f"copy {EVENT.name} ({names}) from stdin"
        with connection.connection.cursor() as cursor, cursor.copy(copy) as stream:  # type: ignore[attr-defined]
            for row in rows:
                stream.write_row(row)
        return
    marks = ", ".join("?" * len(_COLUMNS))
    connection.exec_driver_sql(f"insert into {EVENT.name} ({names}) values ({marks})", rows)


def _count(connection: Connection, rows: Iterable[Row]) -> None:
    """Bring the last time and the number of events of each work unit and kind up to date."""
    times: dict[tuple[str, str], list[int]] = {}
    for row in rows:
        times.setdefault((row[_UNIT], row[_EVENT]), []).append(row[_TIME])
    told = _insert_or(connection)(SEEN)
    new, old = told.excluded, SEEN.c
    told = told.on_conflict_do_update(
        index_elements=["work_unit", "event"],
        set_={
            "last": case((new.last > old.last, new.last), else_=old.last),
            "events": old.events + new.events,
        },
    )
    connection.execute(
        told,
        [
            {"work_unit": unit, "event": event, "last": max(found), "events": len(found)}
            for (unit, event), found in sorted(times.items())
        ],
    )


def hold(connection: Connection, source: str, held: Sequence[Held], now: int) -> None:
    """Put messages into quarantine; one that is there waits (again), and is counted."""
    if not held:
        return
    told = _insert_or(connection)(QUARANTINE)
    old = QUARANTINE.c
    told = told.on_conflict_do_update(
        index_elements=["digest"],
        set_={
            "times": old.times + 1,
            "reason": told.excluded.reason,
            "received": told.excluded.received,
            "status": WAITING,
        },
    )
    connection.execute(told, [_quarantined(source, message, now) for message in held])


def _quarantined(source: str, held: Held, now: int) -> dict[str, Any]:
    reason, text = held.reason, held.raw
    if len(text) > MOST_RAW:
        reason += f" (only the first {MOST_RAW} of its {len(text)} characters are kept)"
        text = text[:MOST_RAW]
    raw = text.encode("utf-8", "surrogatepass")
    content = b"\0".join((source.encode(), held.origin.encode("utf-8", "surrogatepass"), raw))
    return {
        "digest": blake2b(content, digest_size=16).digest(),
        "source": source,
        "received": now,
        "raw": raw,
        "origin": printable(held.origin),
        "reason": printable(reason),
        "tries": 0,
        "times": 1,
        "status": WAITING,
    }


def printable(text: str) -> str:
    r"""Text that every database holds: a NUL becomes ``\x00``, half a character ``\udc80``."""
    return text.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode()


def _store_position(
    connection: Connection, source: str, position: Mapping[str, Any], now: int
) -> None:
    value = json.dumps(dict(position), allow_nan=False)
    told = _insert_or(connection)(POSITION).values(source=source, value=value, changed=now)
    changes = {"value": told.excluded.value, "changed": told.excluded.changed}
    connection.execute(told.on_conflict_do_update(index_elements=["source"], set_=changes))


def fact(connection: Connection, name: str) -> int | None:
    """A number about the store itself."""
    found = connection.scalar(select(STORE.c.value).where(STORE.c.name == name))
    return None if found is None else int(found)


def set_fact(connection: Connection, name: str, value: int | None) -> None:
    """Write a number about the store; None takes it away."""
    if value is None:
        connection.execute(STORE.delete().where(STORE.c.name == name))
        return
    told = _insert_or(connection)(STORE).values(name=name, value=value)
    changes = {"value": told.excluded.value}
    connection.execute(told.on_conflict_do_update(index_elements=["name"], set_=changes))


def _insert_or(connection: Connection) -> Any:
    """The dialect's insert, which knows what to do when the row is there."""
    return insert_postgresql if connection.dialect.name == POSTGRESQL else insert_sqlite
