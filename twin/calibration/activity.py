"""A log as arrays: what every work unit was doing when, and the lots that passed through it.

Time is minutes from the first event of the log. States of one unit follow each other without a gap:
each lasts until the next, the last until the end of the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import numpy as np
import pandas as pd

from twin.model.events import EventLog
from twin.model.failures import FailureMode
from twin.model.horizon import Array, Horizon
from twin.model.plant import Plant, WorkUnit
from twin.model.shifts import OpenTime, shared_equally

LOT_KEY = ["work_unit", "order", "operation", "lot"]


@dataclass(frozen=True)
class UnitActivity:
    """States of one work unit as (N,) intervals in time order [min]."""

    starts: Array
    ends: Array
    states: pd.Series
    orders: pd.Series
    products: pd.Series
    reasons: pd.Series

    def __len__(self) -> int:
        return len(self.starts)

    def minutes_in(self, states: Iterable[str], begin: Array, end: Array) -> Array:
        """Minutes spent in any of some states between instants, elementwise."""
        if not len(self):
            return np.zeros(np.broadcast(begin, end).shape)
        inside = self.states.isin(list(states)).to_numpy()
        knots = np.append(self.starts, self.ends[-1])
        spent = np.append(0.0, np.cumsum(np.where(inside, self.ends - self.starts, 0.0)))
        result: Array = np.interp(end, knots, spent) - np.interp(begin, knots, spent)
        return result

    def episodes(self, states: Iterable[str], through: Iterable[str] = ()) -> pd.DataFrame:
        """Stays in some states for one reason and order, paused by no states but ``through``.

        Returns
        -------
        DataFrame with start, end (of the last stay), minutes (in the states only), order, product
        and reason, first and last (row of the stays), and is_open (the log ends inside it).
        """
        wanted, pause = set(states), set(through)
        names = self.states.tolist()
        about = list(zip(self.orders.tolist(), self.reasons.tolist(), strict=True))
        stays: list[list[int]] = []
        is_going = False
        for i, state in enumerate(names):
            if state in wanted:
                if is_going and about[i] == about[stays[-1][0]]:
                    stays[-1].append(i)
                else:
                    stays.append([i])
                is_going = True
            elif state not in pause:
                is_going = False
        first = np.array([stay[0] for stay in stays], dtype=int)
        last = np.array([stay[-1] for stay in stays], dtype=int)
        lengths = self.ends - self.starts
        return pd.DataFrame(
            {
                "start": self.starts[first],
                "end": self.ends[last],
                "minutes": np.array([lengths[stay].sum() for stay in stays], dtype=float),
                "order": self.orders.iloc[first].to_numpy(),
                "product": self.products.iloc[first].to_numpy(),
                "reason": self.reasons.iloc[first].to_numpy(),
                "first": first,
                "last": last,
                "is_open": last == len(self) - 1,
            }
        )


@dataclass(frozen=True)
class Activity:
    """A log of a plant, unit by unit."""

    plant: Plant
    log: EventLog
    begin: datetime
    until: datetime
    units: dict[str, UnitActivity] = field(default_factory=dict)
    """Units without any state event are missing."""

    @cached_property
    def minutes(self) -> float:
        """Length of the log [min]."""
        return (self.until - self.begin).total_seconds() / 60

    def moment(self, instant: datetime) -> str:
        """``2026-11-23 06:00 (Africa/Casablanca)``: an instant on the plant's clock."""
        return f"{instant.astimezone(self.plant.zone):%Y-%m-%d %H:%M} ({self.plant.timezone})"

    @cached_property
    def open_time(self) -> dict[str, OpenTime]:
        """Shift calendar of each unit on the log's clock."""
        quarter = 15
        slots = max(int(np.ceil(self.minutes / quarter)), 1)
        horizon = Horizon(self.begin, slots * quarter, self.plant.timezone)
        opened = {id: c.open_time(horizon) for id, c in self.plant.calendars_by_id.items()}
        return {unit.id: opened[unit.calendar] for unit in self.plant.work_units}

    @cached_property
    def lots(self) -> pd.DataFrame:
        """Finished lots with a start and an end, see :func:`pair_lots`, and their working
        minutes."""
        lots = pair_lots(self.log)
        for side in ("start", "end"):
            lots[side] = minutes_since(self.begin, lots[side])
        lots["working"] = 0.0
        lots["shares"] = 1.0
        for id, rows in lots.groupby("work_unit", sort=False):
            begin, end = rows["start"].to_numpy(), rows["end"].to_numpy()
            lots.loc[rows.index, "working"] = self._working(str(id), begin, end)
        return lots

    def observed_modes(self) -> Iterator[tuple[WorkUnit, FailureMode, UnitActivity]]:
        """Failure modes of the units whose states the log gives."""
        for unit in self.plant.work_units:
            if (states := self.units.get(unit.id)) is not None:
                for mode in unit.failure_modes:
                    yield unit, mode, states

    def has_working_states(self, unit: str) -> bool:
        """Whether the log says when the unit worked (a log of reports only does not)."""
        return unit in self.units and bool(self.units[unit].states.eq("working").any())

    def _working(self, unit: str, begin: Array, end: Array) -> Array:
        if self.has_working_states(unit):
            return self.units[unit].minutes_in(["working"], begin, end)
        return shared_open_minutes(self.open_time.get(unit), begin, end)


def read_activity(log: EventLog, plant: Plant, until: datetime) -> Activity:
    """Arrange a clean log by work unit."""
    log = log.until(until).ordered()
    begin = log.table["time"].min().to_pydatetime() if len(log) else until
    intervals = log.state_intervals(until)
    units = {}
    for id, rows in intervals.groupby("work_unit", sort=False):
        rows = rows.reset_index(drop=True)
        units[str(id)] = UnitActivity(
            minutes_since(begin, rows["start"]), minutes_since(begin, rows["end"]),
            rows["state"], rows["order"], rows["product"], rows["reason"],
        )  # fmt: skip
    return Activity(plant, log, begin, until, units)


def pair_lots(log: EventLog) -> pd.DataFrame:
    """Lots whose start and end are both in the log; the nth end of a lot goes with its nth start.

    Returns
    -------
    DataFrame with work_unit, order, operation, lot, product, start, end, pieces (good and
    scrapped), scrap, and is_first (of its operation on that unit); ordered by start.
    """
    table = log.ordered().table
    sides = {}
    for kind in ("start", "end"):
        side = table[table["event"] == kind]
        sides[kind] = side.assign(nth=side.groupby(LOT_KEY, sort=False).cumcount())
    starts = sides["start"][[*LOT_KEY, "nth", "time", "product"]].rename(columns={"time": "start"})
    ends = sides["end"][[*LOT_KEY, "nth", "time", "quantity", "scrap"]].rename(
        columns={"time": "end"}
    )
    lots = starts.merge(ends, on=[*LOT_KEY, "nth"], how="inner")
    lots = lots.sort_values("start", kind="stable", ignore_index=True)
    lots["scrap"] = lots["scrap"].fillna(0.0)
    lots["pieces"] = lots["quantity"].fillna(0.0) + lots["scrap"]
    lots["is_first"] = ~lots.duplicated(["work_unit", "order", "operation"])
    return lots.drop(columns=["nth", "quantity"])


def shared_open_minutes(open_time: OpenTime | None, begin: Array, end: Array) -> Array:
    """Open minutes of each of several stretches of one unit; time that n of them share counts 1/n.

    A unit does one thing at a time; where reports overlap their sum would exceed the clock.
    """
    knots = np.unique(np.concatenate([begin, end]))
    if len(knots) < 2:
        return np.zeros(len(begin))
    spent = knots  # elapsed minutes where no shifts are known
    if open_time is not None and len(open_time.starts):
        spent = open_time.minutes_before(knots)
    return shared_equally(begin, end, knots, np.diff(spent))


def minutes_since(begin: datetime, times: pd.Series) -> Array:
    """Zone-aware instants as minutes from the first of a log."""
    result: Array = (times - pd.Timestamp(begin)).dt.total_seconds().to_numpy(dtype=float) / 60
    return result
