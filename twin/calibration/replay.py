"""Where the shop stood at an instant, read from its log: orders, work units, ages, maintenance.

Rules where a log leaves room, so that they can be argued with:

* A batch keeps its work unit until its operation is done. An operation is done when its pieces have
  ended, when the next one has begun, or when its unit has begun another order.
* A setup under way belongs to the operation it is for: when its batch is there, the operation
  counts as running with nothing done, and the rest of the setup keeps the unit unavailable.
* A startup under way counts for nothing: the unit is off, and the plan warms it up anew. A repair
  leaves a unit as warm as it was; after maintenance it is off.
* A lot that takes longer than expected counts as :data:`OVERDUE_LOT` done.
* What was never renewed inside the log is as old as the log; a preventive task never executed
  inside it counts from the start of the log, the latest it can have been.
* A repair as bad as old leaves the age as it was; one that restores a part of it counts as whole.
* Wear that no log measures has grown as much as on average since it was renewed, and stays below
  :data:`WORN_SHARE` of its limit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import pandas as pd

from twin.model.compiled import CompiledPlant, compile_plant
from twin.model.events import EventLog
from twin.model.failures import FailureMode
from twin.model.horizon import Horizon
from twin.model.laws import Law, remaining_life
from twin.model.orders import OrderBook, WorkOrder
from twin.model.plant import Plant, WorkUnit, setup_key
from twin.model.state import OrderState, ShopState, UnitState

OVERDUE_LOT = 0.95
"""Share of a lot done when it has already taken longer than expected."""

WORN_SHARE = 0.9
"""Share of its limit that a degradation has reached at most where nothing has failed."""

ON_STATES = ("standby", "setup", "working", "blocked")
"""States in which a unit is warm and ready."""

STOPS = ("down", "repair")
PAUSES = ("off", "standby", "down", "repair", "maintenance")
"""States that interrupt a setup or a lot, when they name its order."""
_LOOK_AHEAD = 28 * 1440
"""How far calendars are read for the rest of a setup or repair [min]."""


@dataclass
class Progress:
    """What the log says about the lots of one operation of one order.

    A unit works one lot at a time, so a lot is over when the next one starts, even when its end was
    never recorded; it then counts as large as the others.
    """

    unit: str = ""
    """Where it was last seen."""
    started: dict[str, pd.Timestamp] = field(default_factory=dict)
    """Start of every lot."""
    ended: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Good and scrapped pieces of every lot whose end was recorded."""

    @property
    def under_way(self) -> pd.Timestamp | None:
        """Start of the lot that has not ended."""
        last = next(reversed(self.started), None)
        return None if last is None or last in self.ended else self.started[last]

    @property
    def lots_over(self) -> int:
        begun = len(self.started.keys() | self.ended.keys())
        return begun - (self.under_way is not None)

    @property
    def lost_share(self) -> float:
        """Lots over for each one whose end was recorded; 1 for a clean log."""
        return self.lots_over / len(self.ended) if self.ended else 1.0

    @property
    def good(self) -> float:
        return sum(good for good, _ in self.ended.values()) * self.lost_share

    @property
    def pieces(self) -> float:
        """Good and scrapped."""
        return sum(good + bad for good, bad in self.ended.values()) * self.lost_share


class UnitPast(Protocol):
    """What is asked of the past of one work unit: read from a whole log, or kept event by event."""

    @property
    def last_state(self) -> tuple[str, pd.Timestamp | None, str]:
        """Its state at the cut-off, since when, and the reason; an empty state when unknown."""

    @property
    def is_on(self) -> bool:
        """Whether it is warm: a repair leaves it as it was."""

    @property
    def latest_work(self) -> tuple[str, str]:
        """Order and operation it was last busy with."""

    @property
    def setup_key(self) -> str: ...

    @property
    def setup_since(self) -> pd.Timestamp | None:
        """First instant of a setup that is not finished."""

    @property
    def setup_minutes(self) -> float:
        """Time spent on that setup so far."""

    def product_before_setup(self, known: Container[str]) -> str:
        """The last known product worked before that setup; empty when there was none."""

    def working_minutes(self, since: pd.Timestamp) -> float:
        """Minutes in state working since a lot began or a renewal."""

    def lots_ended(self, since: pd.Timestamp) -> int:
        """Lots ended at or after a renewal."""

    def renewed(self, repairs: Sequence[str], tasks: Sequence[str]) -> pd.Timestamp | None:
        """When the last repair of some failure modes, or the last of some tasks, ended."""

    def last_execution(self, task: str) -> pd.Timestamp | None:
        """Start of the last execution of a preventive task."""


@dataclass
class _Unit:
    """What the log says about one work unit."""

    intervals: pd.DataFrame
    """Its states, the last one open until the cut-off."""
    lot_ends: list[pd.Timestamp] = field(default_factory=list)
    """Ends of lots, in time order."""
    latest_work: tuple[str, str] = ("", "")
    setup_key: str = ""
    setup_since: pd.Timestamp | None = None

    @property
    def last_state(self) -> tuple[str, pd.Timestamp | None, str]:
        if self.intervals.empty:
            return "", None, ""
        last = self.intervals.iloc[-1]
        return str(last["state"]), last["start"], str(last["reason"])

    @property
    def is_on(self) -> bool:
        states = self.intervals.loc[~self.intervals["state"].isin(STOPS), "state"]
        return bool(len(states)) and states.iloc[-1] in ON_STATES

    @property
    def setup_minutes(self) -> float:
        rows = self.intervals
        spans = rows[(rows["state"] == "setup") & (rows["start"] >= self.setup_since)]
        return float((spans["end"] - spans["start"]).dt.total_seconds().sum() / 60)

    def product_before_setup(self, known: Container[str]) -> str:
        rows = self.intervals[self.intervals["start"] < self.setup_since]
        worked = reversed(rows.loc[rows["state"] == "working", "product"].tolist())
        return next((product for product in worked if product in known), "")

    def working_minutes(self, since: pd.Timestamp) -> float:
        rows = self.intervals
        working = rows[(rows["state"] == "working") & (rows["end"] > since)]
        spans = working["end"] - working["start"].where(working["start"] > since, since)
        return float(spans.dt.total_seconds().sum() / 60)

    def lots_ended(self, since: pd.Timestamp) -> int:
        return sum(end >= since for end in self.lot_ends)

    def renewed(self, repairs: Sequence[str], tasks: Sequence[str]) -> pd.Timestamp | None:
        rows = self.intervals
        repaired = rows["state"].isin(STOPS) & rows["reason"].isin(repairs)
        kept = (rows["state"] == "maintenance") & rows["reason"].isin(tasks)
        ends = rows.loc[repaired | kept, "end"]
        return pd.Timestamp(ends.max()) if len(ends) else None

    def last_execution(self, task: str) -> pd.Timestamp | None:
        rows = self.intervals
        done = rows[(rows["state"] == "maintenance") & (rows["reason"] == task)]
        return pd.Timestamp(done["start"].max()) if len(done) else None


def shop_state(log: EventLog, plant: Plant, orders: OrderBook, at: datetime) -> ShopState:
    """State of the shop at an instant, from the events before it.

    Parameters
    ----------
    at
        The cut-off. Events at or after it are not looked at.
    """
    seen = log.until(at).ordered()
    past = ShopPast(
        _units(seen, plant, at),
        operation_progress(seen),
        set(seen.of_kind("complete")["order"]),
        seen.table["time"].iloc[0] if len(seen) else pd.Timestamp(at),
    )
    return state_after(past, plant, orders, at)


@dataclass(frozen=True)
class ShopPast:
    """What a log up to the cut-off says, before anything is concluded from it."""

    units: Mapping[str, UnitPast]
    progress: Mapping[tuple[str, str], Progress]
    """Of every order and operation of which lots are known; complete orders may be left out."""
    finished: Container[str]
    """Orders that are complete."""
    start: pd.Timestamp
    """Of the log."""


def state_after(past: ShopPast, plant: Plant, orders: OrderBook, at: datetime) -> ShopState:
    """State of the shop at an instant, by the rules of this module."""
    compiled = compile_plant(plant, Horizon(at, _LOOK_AHEAD, plant.timezone))
    states = {
        order.id: OrderState(len(plant.route_of(plant.product(order.product))))
        if order.id in past.finished
        else _order_state(order, compiled, past.progress, past.units)
        for order in orders
    }
    started = {id: state for id, state in states.items() if state != OrderState()}
    rows = {
        unit.id: _unit_state(unit, compiled, past.units[unit.id], pd.Timestamp(past.start), at)
        for unit in plant.work_units
    }
    return ShopState(at, started, rows)


def operation_progress(log: EventLog) -> dict[tuple[str, str], Progress]:
    """Progress of every (order, operation) whose lots an ordered log mentions."""
    found: dict[tuple[str, str], Progress] = defaultdict(Progress)
    rows = log.table[log.table["event"].isin(("start", "end"))]
    names = ["time", "work_unit", "event", "order", "operation", "lot", "quantity", "scrap"]
    for time, unit, event, order, operation, lot, quantity, scrap in zip(
        *(rows[name].tolist() for name in names), strict=True
    ):
        step = found[order, operation]
        step.unit = unit
        if event == "start":
            step.started[lot or f"#{len(step.started)}"] = time
        else:
            good, bad = np.nan_to_num([quantity, scrap]).tolist()
            step.ended[lot or f"#{len(step.ended)}"] = good, bad
    return dict(found)


def _units(log: EventLog, plant: Plant, at: datetime) -> dict[str, _Unit]:
    """What the log says about each work unit of the plant."""
    every = log.state_intervals(at)
    intervals = dict(list(every.groupby("work_unit", sort=False)))
    units = {u.id: _Unit(intervals.get(u.id, every.iloc[:0])) for u in plant.work_units}
    ends = log.of_kind("end")
    for time, id in zip(ends["time"].tolist(), ends["work_unit"].tolist(), strict=True):
        if id in units:
            units[id].lot_ends.append(time)
    rows = log.table[log.table["event"].isin(("state", "start"))]
    names = ["time", "work_unit", "state", "order", "operation", "product", "reason"]
    for time, id, state, order, operation, product, reason in zip(
        *(rows[name].tolist() for name in names), strict=True
    ):
        unit = units.get(id)
        if unit is None:
            continue
        is_pause = state in PAUSES and (order, operation) == unit.latest_work
        if state == "setup":
            unit.setup_since = unit.setup_since or time
            unit.setup_key = reason or unit.setup_key
        elif not is_pause:
            unit.setup_since = None
        if state in ("", "working") and product:
            unit.setup_key = key_of(plant, id, product) or unit.setup_key
        if order and operation:
            unit.latest_work = order, operation
    return units


def key_of(plant: Plant, unit: str, product: str) -> str:
    """Setup key of a product on a unit; empty for a product the plant does not make."""
    known = [p for p in plant.products if p.id == product]
    return setup_key(plant.unit(unit), known[0]) if known else ""


def _order_state(
    order: WorkOrder,
    plant: CompiledPlant,
    progress: Mapping[tuple[str, str], Progress],
    units: Mapping[str, UnitPast],
) -> OrderState:
    route = plant.plant.route_of(plant.plant.product(order.product))
    steps = [progress.get((order.id, operation)) for operation in route]
    n = max((n for n, step in enumerate(steps) if step is not None), default=-1)
    if n < 0:
        return _waiting(order, route, 0, plant, units)
    step, before = steps[n], steps[n - 1] if n else None
    assert step is not None
    quantity = before.good if before and before.good else float(order.quantity)
    if _is_done(step, quantity, (order.id, route[n]), units):
        return _waiting(order, route, n + 1, plant, units)
    if not _can_do(plant, step.unit, route[n], order.product):
        return OrderState(n)
    fraction = _done_fraction(step, plant, route[n], order, quantity, units[step.unit])
    return OrderState(n, step.unit, fraction)


def _waiting(
    order: WorkOrder,
    route: list[str],
    done: int,
    plant: CompiledPlant,
    units: Mapping[str, UnitPast],
) -> OrderState:
    """An order between operations; running with nothing done where a setup for it is under way."""
    for id, unit in units.items() if done < len(route) else ():
        is_for_it = unit.setup_since is not None and unit.latest_work == (order.id, route[done])
        if is_for_it and _can_do(plant, id, route[done], order.product):
            return OrderState(done, id)
    return OrderState(done)


def _can_do(plant: CompiledPlant, unit: str, operation: str, product: str) -> bool:
    index = plant.unit_index.get(unit, -1)
    return (index, plant.operation_index[operation], plant.product_index[product]) in plant.rows


def _is_done(
    step: Progress, quantity: float, name: tuple[str, str], units: Mapping[str, UnitPast]
) -> bool:
    """Whether the last operation seen of an order has been finished."""
    if step.unit in units and units[step.unit].latest_work != name:
        return True
    if step.under_way is not None or not step.ended:
        return False
    is_guessed = step.lost_share != 1 or quantity != round(quantity)
    doubt = step.pieces / step.lots_over / 2 if is_guessed else 0.5
    return step.pieces >= quantity - doubt


def _done_fraction(
    step: Progress,
    plant: CompiledPlant,
    operation: str,
    order: WorkOrder,
    quantity: float,
    seen: UnitPast,
) -> float:
    """Share of the operation's working time that is behind it, in [0, 1)."""
    unit, product = plant.unit_index[step.unit], plant.product_index[order.product]
    lots = plant.lots(unit, plant.operation_index[operation], product, max(int(quantity), 1))
    if lots.total_minutes <= 0:
        return 0.0
    over = min(step.lots_over, len(lots.minutes) - 1)
    behind = sum(lots.minutes[:over]) + (lots.transit if over else 0.0)
    lot = lots.minutes[over] + (0.0 if over else lots.transit)
    since = step.under_way
    worked = 0.0 if since is None else seen.working_minutes(since)
    return float(behind + min(worked, OVERDUE_LOT * lot)) / lots.total_minutes


def _unit_state(
    unit: WorkUnit, plant: CompiledPlant, seen: UnitPast, log_start: pd.Timestamp, at: datetime
) -> UnitState:
    return UnitState(
        setup_key=seen.setup_key,
        is_on=seen.is_on,
        unavailable_minutes=_unavailable_minutes(unit, plant, seen, at),
        ages={mode.id: _age(mode, unit, seen, log_start, at) for mode in unit.failure_modes},
        last_maintenance={
            task.id: (seen.last_execution(task.id) or log_start).to_pydatetime()
            for task in unit.maintenance
        },
    )


def _age(
    mode: FailureMode, unit: WorkUnit, seen: UnitPast, log_start: pd.Timestamp, at: datetime
) -> float:
    """Age on the mode's own clock since it was last renewed [min or lots], or level of its wear."""
    renewing = [task.id for task in unit.maintenance if mode.id in task.renews]
    repairs = () if mode.repair_effect == "old" else (mode.id,)
    since = seen.renewed(repairs, renewing) or log_start
    if mode.clock == "count":
        return float(seen.lots_ended(since))
    if mode.clock == "operating":
        minutes = seen.working_minutes(since)
    else:
        minutes = (pd.Timestamp(at) - since).total_seconds() / 60
    wear = mode.degradation
    return minutes if wear is None else min(wear.mean_growth(minutes), WORN_SHARE * wear.limit)


def _unavailable_minutes(
    unit: WorkUnit, plant: CompiledPlant, seen: UnitPast, at: datetime
) -> float:
    """Expected rest of what keeps the unit from working at the cut-off [min]."""
    state, since, reason = seen.last_state
    if since is None or state not in ("down", "repair", "maintenance"):
        return _setup_rest(unit, plant, seen) if seen.setup_since is not None else 0.0
    elapsed = (pd.Timestamp(at) - since).total_seconds() / 60
    if state == "maintenance":
        durations = [task.duration for task in unit.maintenance if task.id == reason]
        return max(durations[0] - elapsed, 0.0) if durations else 0.0
    modes = [m for m in unit.failure_modes if m.id == reason] or unit.failure_modes
    if state == "repair":
        return _mean([mean_rest(m.time_to_repair, elapsed) for m in modes])
    return _mean([_wait_for_crew(m, plant) + m.time_to_repair.mean for m in modes])


def _setup_rest(unit: WorkUnit, plant: CompiledPlant, seen: UnitPast) -> float:
    """Minutes until a setup under way is expected to end, pauses off shift included."""
    if unit.setup is None:
        return 0.0
    product = seen.product_before_setup(plant.product_index)
    before = setup_key(unit, plant.plant.product(product)) if product else ""
    known = unit.setup.time_between(before, seen.setup_key)
    whole = known if before else unit.setup.default  # from an unknown key, but it takes time
    left = max(whole - seen.setup_minutes, 0.0)
    pieces = plant.unit_open[plant.unit_index[unit.id]].work(0.0, left)
    return pieces[-1][1] if pieces else 0.0


def _wait_for_crew(mode: FailureMode, plant: CompiledPlant) -> float:
    """Minutes until a crew of a mode is next on duty; the tasks before it are not counted."""
    if mode.crew is None:
        return 0.0
    crews = (plant.plant.crews[c].id for c in plant.crews_for[mode.crew])
    opening = min(plant.crew_open[crew].next_open(0.0) for crew in crews)
    return opening if np.isfinite(opening) else 0.0


def mean_rest(law: Law, elapsed: float, points: int = 2000) -> float:
    """Mean of what is left [min] of a duration that has already lasted ``elapsed``.

    The conditional inverse CDF is averaged over the midpoints of ``points`` equal probabilities.

    >>> from twin.model.laws import Exponential
    >>> round(mean_rest(Exponential(scale=90), 300))
    90
    """
    levels = (np.arange(points) + 0.5) / points
    return float(np.mean([remaining_life(law, elapsed, u) for u in levels.tolist()]))


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0
