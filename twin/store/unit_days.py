"""Minutes in each state and pieces made, of every work unit and local day, counted by the database.

One statement each, understood by SQLite, PostgreSQL and DuckDB alike: a state lasts until the next
one of its unit; what lasts over midnight is shared out among the days. Local days are counted with
the zone's offsets, so a day on which the clock changes has 23 or 25 hours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Select,
    case,
    column,
    func,
    literal,
    literal_column,
    select,
    union_all,
    values,
)

from twin.errors import Fault, InputError
from twin.store.keys import instant, microseconds

DAY = 86_400_000_000
"""[µs]"""
MINUTE = 60_000_000
IS_STATE: ColumnElement[str] = literal_column("'state'")
"""Written out, not handed over as a value: the index over states serves no other statement."""
Ask = Callable[[Select[Any]], Iterable[Sequence[Any]]]
"""Runs a query in a database and gives its rows."""


class StateMinutes(NamedTuple):
    """How long a work unit was in a state on a local day."""

    work_unit: str
    day: date
    state: str
    minutes: float


class Made(NamedTuple):
    """What a work unit made of a product on a local day, by the lots that ended."""

    work_unit: str
    day: date
    operation: str
    product: str
    good: float
    scrap: float
    """[pieces]"""
    lots: int
    loads: int
    """Lots that ended together count once."""
    orders: int


@dataclass(frozen=True)
class UnitDays:
    """What work units did on each local day of a window; rows in order."""

    states: tuple[StateMinutes, ...]
    made: tuple[Made, ...]


@dataclass(frozen=True)
class Days:
    """The local days that a window touches."""

    start: int
    end: int
    """Of the window [µs]."""
    edges: tuple[int, ...]
    """The window's start, each local midnight in it, its end [µs]."""
    offsets: tuple[tuple[int, int], ...]
    """(until, offset): before ``until`` local time is ``offset`` ahead of UTC [µs]; in order."""

    @staticmethod
    def of(start: datetime, end: datetime, zone: ZoneInfo) -> Days:
        """Raises InputError when the window is empty."""
        if end <= start:
            fault = Fault("", f"{end.isoformat()} is not after {start.isoformat()}", "swap them")
            raise InputError("window", [fault])
        first, last = microseconds(start), microseconds(end)
        day, midnights = start.astimezone(zone).date(), []
        while (midnight := _midnight(day, zone)) < last:
            midnights.append(midnight)
            day += timedelta(days=1)
        edges = (first, *(m for m in midnights if m > first), last)
        return Days(first, last, edges, _offsets(edges, zone))

    def of_time(self, time: ColumnElement[int]) -> ColumnElement[int]:
        """The local day of a time: its midnight as if the clock showed UTC [µs]."""
        *earlier, (_, latest) = ((until, literal(o, BigInteger)) for until, o in self.offsets)
        shift: ColumnElement[int] = latest
        if earlier:
            shift = case(*((time < until, offset) for until, offset in earlier), else_=latest)
        local: ColumnElement[int] = time + shift
        return local - local % DAY

    def date_of(self, time: int) -> date:
        """The local day of an instant [µs]."""
        offset = next((o for until, o in self.offsets if time < until), self.offsets[-1][1])
        return instant(time + offset).date()


def _midnight(day: date, zone: ZoneInfo) -> int:
    return microseconds(datetime(day.year, day.month, day.day, tzinfo=zone))


def _offsets(edges: Sequence[int], zone: ZoneInfo) -> tuple[tuple[int, int], ...]:
    """The zone's offsets over a window; an instant of change is found to the microsecond."""
    found: list[tuple[int, int]] = []
    for left, right in pairwise(edges):
        now, then = _offset(left, zone), _offset(right, zone)
        if now != then:
            low, high = left, right
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if _offset(middle, zone) == now else (low, middle)
            found.append((high, now))
    return (*found, (edges[-1], _offset(edges[-1], zone)))


def _offset(time: int, zone: ZoneInfo) -> int:
    shift = instant(time).astimezone(zone).utcoffset() or timedelta()
    return shift // timedelta(microseconds=1)


def count(
    ask: Ask, events: FromClause, days: Days, carried: Iterable[tuple[str, str, int]]
) -> UnitDays:
    """Count a window of ``events``.

    ``carried`` are the states in which units came into the window: unit, state, and when the first
    state inside the window begins [µs].
    """
    minutes: dict[tuple[str, date, str], int] = {}
    for unit, day, state, lasted in ask(state_minutes(events, days)):
        minutes[unit, instant(day).date(), state] = int(lasted)
    for unit, state, until in carried:
        for left, right in pairwise(days.edges):
            if left < until:
                cell = (unit, days.date_of(left), state)
                minutes[cell] = minutes.get(cell, 0) + min(right, until) - left
    states = (StateMinutes(*cell, lasted / MINUTE) for cell, lasted in minutes.items())
    made = (
        Made(row[0], instant(row[1]).date(), row[2], row[3], float(row[4]), float(row[5]), *row[6:])
        for row in ask(pieces(events, days))
    )
    return UnitDays(tuple(sorted(states)), tuple(sorted(made)))


def stays(events: FromClause, days: Days) -> Select[Any]:
    """Each state that begins in the window: work_unit, state, time and until [µs]."""
    unit, time = events.c.work_unit, events.c.time
    following = func.lead(time, 1, literal(days.end, BigInteger)).over(
        partition_by=unit, order_by=(time, events.c.sequence)
    )
    return select(unit, events.c.state, time, following.label("until")).where(
        events.c.event == IS_STATE, time >= days.start, time < days.end
    )


def state_minutes(events: FromClause, days: Days) -> Select[Any]:
    """work_unit, day, state and how long [µs], from the states that begin in the window."""
    stay = stays(events, days).cte("stay")
    first, last = days.of_time(stay.c.time), days.of_time(stay.c.until - 1)
    inside = select(
        stay.c.work_unit,
        first.label("day"),
        stay.c.state,
        (stay.c.until - stay.c.time).label("lasted"),
    ).where(first == last, stay.c.until > stay.c.time)
    day = _day_table(days)
    begin = case((stay.c.time > day.c.since, stay.c.time), else_=day.c.since)
    end = case((stay.c.until < day.c.until, stay.c.until), else_=day.c.until)
    shared = select(stay.c.work_unit, day.c.day, stay.c.state, (end - begin).label("lasted")).where(
        first != last, day.c.since < stay.c.until, day.c.until > stay.c.time
    )
    each = union_all(inside, shared).subquery("share")
    cell = (each.c.work_unit, each.c.day, each.c.state)
    return select(*cell, func.sum(each.c.lasted)).group_by(*cell)


def pieces(events: FromClause, days: Days) -> Select[Any]:
    """work_unit, day, operation, product, good, scrap, lots, loads, orders of lots that ended."""
    time = events.c.time
    lots = (
        select(
            events.c.work_unit,
            days.of_time(time).label("day"),
            events.c.operation,
            events.c.product,
            events.c.order,
            time,
            events.c.quantity,
            events.c.scrap,
        )
        .where(events.c.event == "end", time >= days.start, time < days.end)
        .subquery("lots")
    )
    cell = (lots.c.work_unit, lots.c.day, lots.c.operation, lots.c.product)
    return select(
        *cell,
        func.sum(func.coalesce(lots.c.quantity, 0.0)),
        func.sum(func.coalesce(lots.c.scrap, 0.0)),
        func.count(),
        func.count(lots.c.time.distinct()),
        func.count(lots.c.order.distinct()),
    ).group_by(*cell)


def _day_table(days: Days) -> FromClause:
    rows = []
    for left, right in pairwise(days.edges):
        local = days.date_of(left)
        midnight = datetime(local.year, local.month, local.day, tzinfo=UTC)
        rows.append((microseconds(midnight), left, right))
    table = values(
        column("day", BigInteger), column("since", BigInteger), column("until", BigInteger)
    ).data(rows)
    return table.cte("days")
