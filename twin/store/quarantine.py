"""Messages that could not become events: listed, replayed, set aside; never lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Select, bindparam, select

from twin.store.keys import instant
from twin.store.schema import DISCARDED, QUARANTINE, REPLAYED, WAITING
from twin.store.writing import printable

_AT_ONCE = 10_000
"""Numbers in one statement; databases limit them."""


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message waiting in quarantine."""

    id: int
    source: str
    received: datetime
    """When it came last."""
    raw: str
    """As it came."""
    origin: str
    reason: str
    tries: int
    """How often it was replayed in vain."""
    times: int
    """How often it came."""


def waiting(
    connection: Connection, source: str | None, limit: int, after: int = 0
) -> list[HeldMessage]:
    """The messages that wait, by id from ``after`` on; of one source, or of all."""
    query: Select[tuple[object, ...]] = select(*QUARANTINE.c)
    query = query.where(QUARANTINE.c.status == WAITING).order_by(QUARANTINE.c.id).limit(limit)
    query = query.where(QUARANTINE.c.id > after)
    if source is not None:
        query = query.where(QUARANTINE.c.source == source)
    return [
        HeldMessage(
            id=row.id,
            source=row.source,
            received=instant(row.received),
            raw=row.raw.decode("utf-8", "surrogatepass"),
            origin=row.origin,
            reason=row.reason,
            tries=row.tries,
            times=row.times,
        )
        for row in connection.execute(query)
    ]


def keep_waiting(connection: Connection, still: Mapping[int, str]) -> None:
    """Note a replay in vain, with the reason of today."""
    rows = [{"which": id, "why": printable(reason)} for id, reason in still.items()]
    changes = {"reason": bindparam("why"), "tries": QUARANTINE.c.tries + 1}
    _change(connection, rows, changes)


def settle(connection: Connection, ids: Iterable[int]) -> None:
    """These have become events; the messages stay as they came, for whoever asks later."""
    rows = [{"which": id} for id in ids]
    _change(connection, rows, {"status": REPLAYED, "tries": QUARANTINE.c.tries + 1})


def discard(connection: Connection, ids: Sequence[int], reason: str) -> int:
    """Set messages aside for good, with the reason somebody gave; returns how many waited."""
    changes, done = {"status": DISCARDED, "reason": printable(reason)}, 0
    for first in range(0, len(ids), _AT_ONCE):
        some = QUARANTINE.c.id.in_(ids[first : first + _AT_ONCE])
        told = QUARANTINE.update().where(some, QUARANTINE.c.status == WAITING).values(changes)
        done += connection.execute(told).rowcount
    return done


def _change(
    connection: Connection, rows: Sequence[Mapping[str, object]], changes: Mapping[str, object]
) -> None:
    if rows:
        is_meant = QUARANTINE.c.id == bindparam("which")
        told = QUARANTINE.update().where(is_meant).values({**changes})
        connection.execute(told, [dict(row) for row in rows])
