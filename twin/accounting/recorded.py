"""The figures a backtest compares: of a stretch of a log, and of a replication of that stretch.

Both are counted by the same rules, so that the log of a replication gives what its totals give:
good pieces and orders count when the whole order is complete, hours by the states of the work
units, energy by their own meters (the base load of the site has none).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from twin.accounting.indicators import TICKS_PER_MINUTE, Key
from twin.model.compiled import STATE_INDEX, CompiledPlant
from twin.model.events import EventLog
from twin.model.horizon import Array
from twin.model.orders import OrderBook
from twin.model.plant import State
from twin.simulation.result import Totals

HOURS: dict[str, tuple[State, ...]] = {
    "working_h": ("working",),
    "setup_h": ("setup",),
    "down_h": ("down", "repair"),
}
"""Figures of a work unit, and the states whose time they add up."""
DOWN = "down_h"
ORDERS, PIECES, ENERGY = "orders_completed", "good_pieces", "energy_kwh"
UNITS: dict[str, str] = {
    PIECES: "pieces", ORDERS: "orders", ENERGY: "kWh", **dict.fromkeys(HOURS, "h"),
}  # fmt: skip
LABELS: dict[str, str] = {
    PIECES: "good pieces", ORDERS: "orders completed", ENERGY: "energy",
    "working_h": "hours working", "setup_h": "hours of setup", "down_h": "hours down",
}  # fmt: skip
"""What each figure is, in words."""


class Recorded:
    """A log from which the figures of any stretch can be asked; counted once, read often."""

    def __init__(self, log: EventLog, plant: CompiledPlant, until: datetime) -> None:
        """``log`` is a clean one, ``until`` its end; ``plant`` names units and products."""
        self.until = until
        self.begin: datetime = log.table["time"].min().to_pydatetime() if len(log) else until
        self._plant = plant
        self._complete = _Sums(log.of_kind("complete"), "product")
        self._meters = _Sums(log.of_kind("meter"), "work_unit")
        self._released = _Sums(log.of_kind("release"), "product")
        self._flows = _flow_times(log)
        intervals = log.state_intervals(until)
        self._hours = {
            (unit, figure): _Spent(rows[rows["state"].isin(states)])
            for unit, rows in intervals.groupby("work_unit", sort=False)
            for figure, states in HOURS.items()
        }

    @property
    def metered(self) -> list[str]:
        """Work units whose meter the log has."""
        return [id for id in self._plant.unit_ids if id in self._meters.names]

    def figures(self, begin: datetime, end: datetime) -> dict[Key, float]:
        """Every figure of a stretch [begin, end); a meter reading belongs to the time before it."""
        found = self._completed(begin, end) if self.tells_completion else {}
        for id in self._plant.unit_ids:
            for figure in HOURS:
                spent = self._hours.get((id, figure))
                found[Key("work_unit", id, figure)] = spent.hours(begin, end) if spent else 0.0
        if metered := self.metered:
            kwh = [
                self._meters.total(id, begin + _MICROSECOND, end + _MICROSECOND) for id in metered
            ]
            found[Key("plant", "", ENERGY)] = sum(kwh)
        return {key: float(value) for key, value in found.items()}

    @property
    def tells_completion(self) -> bool:
        """Whether the log says when orders are complete; a log of reports does not."""
        return bool(self._complete.names)

    def _completed(self, begin: datetime, end: datetime) -> dict[Key, float]:
        products = self._plant.product_ids
        pieces = {id: self._complete.total(id, begin, end) for id in products}
        orders = sum(self._complete.count(id, begin, end) for id in products)
        whole = {Key("plant", "", PIECES): sum(pieces.values()), Key("plant", "", ORDERS): orders}
        return whole | {Key("product", id, PIECES): value for id, value in pieces.items()}

    def through(self, origin: datetime, end: datetime) -> dict[Key, float]:
        """Pieces and orders complete in a stretch if all took the usual flow time.

        What a planner says who knows the orders but has no twin: that is done which was released
        one median flow time ago, less the usual loss. Flow time and loss are of the orders complete
        before ``origin``; empty without any.
        """
        ends, flows = self._flows
        known = flows[ends < _tick(origin)]
        if not len(known):
            return {}
        flow = timedelta(microseconds=float(np.median(known)))
        found: dict[Key, float] = {}
        orders = 0
        for id in self._plant.product_ids:
            launched = self._released.total(id, self.begin, origin - flow)
            done = self._complete.total(id, self.begin, origin)
            kept = min(done / launched, 1.0) if launched else 1.0
            pieces = self._released.total(id, origin - flow, end - flow)
            found[Key("product", id, PIECES)] = kept * pieces
            orders += self._released.count(id, origin - flow, end - flow)
        whole = sum(found.values())
        return {**found, Key("plant", "", PIECES): whole, Key("plant", "", ORDERS): float(orders)}


def replicated(
    totals: Totals, plant: CompiledPlant, orders: OrderBook, metered: Iterable[str]
) -> dict[Key, float]:
    """The same figures of one replication, over its whole horizon."""
    is_complete = totals.order_complete >= 0
    products = np.array([plant.product_index[o.product] for o in orders], dtype=np.int64)
    good = np.bincount(
        products[is_complete], weights=totals.order_good[is_complete],
        minlength=len(plant.product_ids),
    )  # fmt: skip
    found = {
        Key("plant", "", PIECES): float(good.sum()),
        Key("plant", "", ORDERS): float(is_complete.sum()),
    }
    found |= {Key("product", id, PIECES): float(good[p]) for p, id in enumerate(plant.product_ids)}
    hours = totals.state_ticks / TICKS_PER_MINUTE / 60
    for m, id in enumerate(plant.unit_ids):
        for figure, states in HOURS.items():
            spent = sum(float(hours[m, STATE_INDEX[state]]) for state in states)
            found[Key("work_unit", id, figure)] = spent
    if rows := [plant.unit_index[id] for id in metered]:
        found[Key("plant", "", ENERGY)] = float(totals.energy_kwh[rows].sum())
    return found


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
Microseconds = NDArray[np.int64]


def _flow_times(log: EventLog) -> tuple[Microseconds, Microseconds]:
    """End and flow time of every order whose release and completion the log has."""
    first, last = (
        log.of_kind(kind).drop_duplicates("order").set_index("order")["time"]
        for kind in ("release", "complete")
    )
    both = last.index.intersection(first.index)
    ends = _ticks(last.loc[both])
    return ends, ends - _ticks(first.loc[both])


class _Sums:
    """Quantities of events by a name, summed up to any instant."""

    def __init__(self, rows: pd.DataFrame, name: str) -> None:
        self.names: dict[str, tuple[Microseconds, Array]] = {}
        rows = rows.sort_values("time", kind="stable")
        for id, part in rows.groupby(name, sort=False):
            sums = np.append(0.0, part["quantity"].fillna(0.0).to_numpy().cumsum())
            self.names[str(id)] = (_ticks(part["time"]), sums)

    def total(self, id: str, begin: datetime, end: datetime) -> float:
        a, b = self._places(id, begin, end)
        return float(self.names[id][1][b] - self.names[id][1][a]) if id in self.names else 0.0

    def count(self, id: str, begin: datetime, end: datetime) -> int:
        a, b = self._places(id, begin, end)
        return b - a

    def _places(self, id: str, begin: datetime, end: datetime) -> tuple[int, int]:
        if id not in self.names:
            return 0, 0
        a, b = np.searchsorted(self.names[id][0], [_tick(begin), _tick(end)])
        return int(a), int(b)


class _Spent:
    """Time of intervals that do not overlap, up to any instant."""

    def __init__(self, rows: pd.DataFrame) -> None:
        begins, ends = _ticks(rows["start"]), _ticks(rows["end"])
        self._knots = np.column_stack([begins, ends]).ravel()
        lengths = np.column_stack([np.zeros(len(begins)), ends - begins]).ravel()
        self._spent = lengths.cumsum()

    def hours(self, begin: datetime, end: datetime) -> float:
        if not len(self._knots):
            return 0.0
        a, b = np.interp([_tick(begin), _tick(end)], self._knots, self._spent)
        return float(b - a) / 3600e6


def _ticks(times: pd.Series) -> Microseconds:
    """Microseconds since 1970."""
    utc = times.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    return np.asarray(utc.astype(np.int64))


def _tick(instant: datetime) -> int:
    return (instant - _EPOCH) // _MICROSECOND
