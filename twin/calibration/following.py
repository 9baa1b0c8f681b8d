"""The state of the shop as events arrive, late or out of order, without reading the log again.

Events newer than :data:`SETTLES_AFTER` are kept as rows in time order; older ones have been taken
up into a :class:`~twin.calibration.shop_track.ShopTrack` for good. The present is that track and
the rows after it; where an event comes in between, the rows are taken again. One that is older than
everything kept can no longer be put in its place: it is counted, and the log has to be read anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from twin.calibration.replay import state_after
from twin.calibration.shop_track import Row, ShopTrack, log_of, rows_of, stamp
from twin.model.events import EventLog
from twin.model.orders import OrderBook
from twin.model.plant import Plant
from twin.model.state import ShopState

SETTLES_AFTER = timedelta(hours=12)
"""So late an event may be."""
MOST_ROWS = 100_000
"""Rows kept at most; a plant that tells more than that in twelve hours is given less time."""

REMEMBERS = timedelta(days=3)
"""So long, and no more than :data:`MOST_ROWS`, settled events are kept to be looked at again."""
OF_THE_STATE = ("state", "start", "end", "complete")
"""Kinds of event that the state of the shop is read from."""

Numbered = tuple[int, int, Row]
"""Instant, number of arrival, event: sorted as the log would be."""


class Stretch(NamedTuple):
    """A work unit in one state; instants in microseconds since 1970."""

    work_unit: str
    state: str
    order: str
    operation: str
    reason: str
    start: int
    end: int


class Following:
    """The state of the shop, kept current."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._settled = ShopTrack(plant)
        self._settled_until = -1
        self._rows: list[Numbered] = []
        self._past: list[Row] = []
        """Settled of late, in time order."""
        self._now: ShopTrack = self._settled.copy()
        self._taken = 0
        """Rows that are in ``_now``."""
        self._first: int | None = None
        """Instant of the earliest event of any kind: ages of what was never renewed begin there."""
        self.arrived = 0
        """Events so far."""
        self.too_late = 0
        """Events that could not be put in their place."""

    def take(self, log: EventLog) -> None:
        """Events in the order of their arrival."""
        self.take_rows(rows_of(log))

    def take_rows(self, rows: Iterable[Row]) -> None:
        """The same, as plain rows. What says nothing of the state (meters, verdicts) is counted."""
        for row in rows:
            self.arrived += 1
            if self._first is None or row[0] < self._first:
                self._first = row[0]
            if row[2] in OF_THE_STATE:
                self._insert((row[0], self.arrived, row))

    def _insert(self, numbered: Numbered) -> None:
        if numbered[0] < self._settled_until:
            self.too_late += 1
        elif not self._rows or numbered > self._rows[-1]:
            self._rows.append(numbered)
        else:
            insort(self._rows, numbered)
            self._taken = min(self._taken, self._place(numbered))

    def _place(self, numbered: Numbered) -> int:
        """-1 where the rows have to be taken again from the settled ones on."""
        before = bisect_right(self._rows, numbered) - 1
        return self._taken if before >= self._taken else -1

    def at(self, instant: datetime) -> ShopTrack:
        """What has happened before an instant; valid until the next call."""
        cut = stamp(instant)
        end = bisect_right(self._rows, (cut,))
        if not 0 <= self._taken <= end:
            self._now, self._taken = self._settled.copy(), 0
        self._now.take(row for _, _, row in self._rows[self._taken : end])
        self._taken = end
        return self._now

    def state(self, orders: OrderBook, instant: datetime, plant: Plant | None = None) -> ShopState:
        """State of the shop at an instant, as :func:`~twin.calibration.replay.shop_state` has it.

        ``plant`` is the same one with other parameters, where these have changed meanwhile.
        """
        past = self.at(instant).past(instant, self._first)
        return state_after(past, plant or self._plant, orders, instant)

    def settle(self, instant: datetime) -> None:
        """Give up the order of events that are so old at an instant that no earlier one is due."""
        until = stamp(instant - SETTLES_AFTER)
        if len(self._rows) > MOST_ROWS:
            until = max(until, self._rows[-MOST_ROWS // 2][0])
        end = bisect_right(self._rows, (min(until, stamp(instant)),))
        if end:
            rows = [row for _, _, row in self._rows[:end]]
            self._settled.take(rows)
            self._past = (self._past + rows)[-MOST_ROWS:]
            oldest = stamp(instant - REMEMBERS)
            del self._past[: bisect_left(self._past, (oldest,))]
            del self._rows[:end]
            self._taken -= end  # below 0 when these rows were not all in: taken again
            self._settled_until = max(self._settled_until, until)

    def stretches(self, begin: datetime, end: datetime) -> list[Stretch]:
        """What every work unit was doing, of late, in time order of their ends."""
        first, last = stamp(begin), stamp(end)
        now = {
            id: Stretch(id, t.state, t.order, t.operation, t.reason, max(t.since, first), last)
            for id, t in self._settled.units.items()
            if t.state
        }
        found = []
        for time, _, row in self._rows:
            if time >= last:
                break
            unit, event, state, order, operation = row[1:6]
            if event != "state" or unit not in self._settled.units:
                continue
            follows = Stretch(unit, state, order, operation, row[10], max(time, first), last)
            before = now.get(unit)
            if before and before[1:5] == follows[1:5]:
                continue
            if before and time > before.start:
                found.append(before._replace(end=time))
            now[unit] = follows
        return [*found, *now.values()]

    def recent(self, begin: datetime, end: datetime) -> EventLog:
        """The events of the last days that the state is read from, in time order."""
        rows = [*self._past, *(row for _, _, row in self._rows)]
        first, last = (bisect_left(rows, (stamp(instant),)) for instant in (begin, end))
        return log_of(rows[first:last])

    def to_dict(self) -> dict[str, Any]:
        """Plain values only, as JSON holds them."""
        return {
            "settled": self._settled.to_dict(),
            "settled_until": self._settled_until,
            "rows": self._rows,
            "past": self._past,
            "first": self._first,
            "arrived": self.arrived,
            "too_late": self.too_late,
        }

    @staticmethod
    def from_dict(content: Mapping[str, Any], plant: Plant) -> Following:
        """Inverse of :meth:`to_dict`, also from JSON; of the same plant."""
        made = Following(plant)
        made._settled = ShopTrack.from_dict(content["settled"], plant)
        made._settled_until = content["settled_until"]
        made._rows = [(time, n, tuple(row)) for time, n, row in content["rows"]]
        made._past = [tuple(row) for row in content["past"]]
        made._now = made._settled.copy()
        made._first = content["first"]
        made.arrived, made.too_late = content["arrived"], content["too_late"]
        return made
